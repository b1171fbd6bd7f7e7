// What a player needs of what it plays: a Viewer's live stream, or a Replay. Live, arrival decides what is heard when; a replay
// decides it itself.
import type { StreamHeader } from '@hayate/protocol';
import type { Clock } from '../connection/clock.ts';
import type { Unsubscribe } from '../emitter.ts';
import type { AudioFrame, MeasuredMs, MotionFrame } from '../viewer/viewer-api.ts';

/** The events of a source that a player follows. */
export interface MediaEvents {
  /** The connection or the playback has changed. Of a playback: voice given before is not to be heard any more. */
  state: { state: string };
  /** Capture times and positions begin anew: another broadcast, or another place in it. */
  epoch: { epoch: bigint | undefined };
  audio: AudioFrame;
  motion: MotionFrame;
}

/** How a source that decides by itself plays. */
export interface Playback {
  /** Milliseconds of the broadcast for each that passes, while it plays: 0.5 to 4. */
  readonly rate: number;
  /** The capture time to be heard and seen at `nowMs`, milliseconds of the epoch; it stands still while nothing plays. */
  mediaMs(nowMs: number): number;
  /** Gives the voice from the present moment on once more, for a player whose sound has only now begun. */
  repeatVoice(): void;
}

/** Something to play. */
export interface MediaSource {
  readonly clock: Clock;
  /** The latest header; undefined before it. */
  readonly header: StreamHeader | undefined;
  /** Frames missing so far: it rises where voice was lost on the way. */
  readonly missingFrames: number;
  /** undefined: arrival decides. */
  readonly playback?: Playback;
  /** How long before `clockMs` (default: now) the moment `captureUs` was; undefined if not known, or of a replay. */
  ageOf(captureUs: number, clockMs?: number): MeasuredMs | undefined;
  on<Name extends keyof MediaEvents>(name: Name, listener: (detail: MediaEvents[Name]) => void): Unsubscribe;
}
