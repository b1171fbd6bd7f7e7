// The sources that a player can play: a Viewer's live stream, or a Replay. In a live stream,
// arrival decides when a frame is heard; a replay decides this itself.
import type { StreamHeader } from '@hayate/protocol';
import type { Clock } from '../connection/clock.ts';
import type { Unsubscribe } from '../emitter.ts';
import type { AudioFrame, MeasuredMs, MotionFrame } from '../viewer/viewer-api.ts';

/** The events of a source that a player follows. */
export interface MediaEvents {
  /**
   * The connection or the playback has changed. With a playback: voice given before must not be
   * heard any more.
   */
  state: { state: string };
  /** Capture times and positions restart: another broadcast, or another place in it. */
  epoch: { epoch: bigint | undefined };
  audio: AudioFrame;
  motion: MotionFrame;
}

/** The timing of a source that decides itself when frames play. */
export interface Playback {
  /** Milliseconds of the broadcast per millisecond of real time while it plays: 0.5 to 4. */
  readonly rate: number;
  /**
   * The capture time to hear and see at `nowMs`, milliseconds of the epoch; constant while nothing
   * plays.
   */
  mediaMs(nowMs: number): number;
  /** Gives the voice from the present moment again, for a player whose sound has just started. */
  repeatVoice(): void;
}

/** A source of frames to play. */
export interface MediaSource {
  readonly clock: Clock;
  /** The latest header; undefined before the first. */
  readonly header: StreamHeader | undefined;
  /** Frames missing so far; the count rises when voice was lost on the way. */
  readonly missingFrames: number;
  /** Undefined if arrival decides the timing. */
  readonly playback?: Playback;
  /**
   * How long before `clockMs` (default: now) the moment `captureUs` was; undefined if unknown, and
   * for a replay.
   */
  ageOf(captureUs: number, clockMs?: number): MeasuredMs | undefined;
  on<Name extends keyof MediaEvents>(name: Name, listener: (detail: MediaEvents[Name]) => void): Unsubscribe;
}
