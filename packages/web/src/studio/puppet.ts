// What moves the broadcaster's avatar: it lives by itself, looks where the pointer is, speaks with the voice and wears an
// expression. The preview and the broadcast ask the same puppet, so both show the same pose.
import type { Pose } from '@hayate/client';
import { IdlePerformer, PointerPerformer, perform, VoicePerformer } from '@hayate/client/performer';
import { ExpressionPerformer } from './expression-performer.ts';

/** The pose is that of so long ago: by then the voice of the moment has been heard, and lips need no guessing. Milliseconds. */
export const puppetDelayMs = 45;

/** The performers of one avatar. Times are performance.now(). */
export class Puppet {
  readonly voice = new VoicePerformer();
  readonly pointer = new PointerPerformer();
  readonly expression = new ExpressionPerformer();
  readonly #idle = new IdlePerformer();

  poseAt(timeMs: number): Pose {
    return perform(timeMs, this.#idle, this.pointer, this.voice, this.expression);
  }
}
