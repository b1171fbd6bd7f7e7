// Moves the broadcaster's avatar: idle motion, a gaze at the pointer, speech from the voice, and an
// expression. The preview and the broadcast use the same puppet, so both show the same pose.
import type { Pose } from '@hayate/client';
import { IdlePerformer, PointerPerformer, perform, VoicePerformer } from '@hayate/client/performer';
import { ExpressionPerformer } from './expression-performer.ts';

/**
 * The age of the pose, milliseconds. After this delay the voice of that moment has been heard, so
 * lips need no prediction.
 */
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
