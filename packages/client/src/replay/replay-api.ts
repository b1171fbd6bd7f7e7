// The options, events and states of a Replay.
import type { Clock } from '../connection/clock.ts';
import type { TokenSource } from '../connection/connection-options.ts';
import type { HeaderFrame } from '../viewer/frame-content.ts';
import type { AudioFrame, CustomFrame, EventFrame, MotionFrame } from '../viewer/viewer-api.ts';

export interface ReplayOptions {
  /** The server's address: `http://` or `https://`, with or without a path before Hayate's. */
  server: string;
  stream: string;
  /** The broadcast of the stream: 16 hex digits. */
  epoch: string;
  /** Must have `moderate` on the stream. */
  token: TokenSource;
  /** Its length in capture time (GET /api/archive/broadcasts/{stream}/{epoch}). */
  durationMs: number;
  /** Default: performance.now(). */
  clock?: Clock;
  /** Default: the global fetch. */
  fetch?: typeof fetch;
}

/**
 * idle -> loading -> playing <-> paused; ended at the end; failed when the archive does not return
 * the needed frames, after which play() and seek() try again. `loading` also while playback waits
 * for the network.
 */
export type ReplayState = 'idle' | 'loading' | 'playing' | 'paused' | 'ended' | 'failed';

export interface ReplayEvents {
  /** Also when the rate changes. `reason` with `failed`: one sentence for people. */
  state: { state: ReplayState; reason?: string };
  /** Playback has moved to another place: capture times and positions restart. */
  epoch: { epoch: bigint };
  header: HeaderFrame;
  /** Given up to a second early, like live frames. */
  audio: AudioFrame;
  motion: MotionFrame;
  /** The events from the moment at which playback began. */
  event: EventFrame;
  custom: CustomFrame;
}

/** The smallest and largest rate of a replay. */
export const ReplayRates = { min: 0.5, max: 4 } as const;
