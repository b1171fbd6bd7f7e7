// What goes into a Replay and what comes out: options, events, states.
import type { Clock } from '../connection/clock.ts';
import type { TokenSource } from '../connection/connection-options.ts';
import type { HeaderFrame } from '../viewer/frame-content.ts';
import type { AudioFrame, CustomFrame, EventFrame, MotionFrame } from '../viewer/viewer-api.ts';

export interface ReplayOptions {
  /** The server's address: `http://` or `https://`, with or without a path in front of Hayate's. */
  server: string;
  stream: string;
  /** Which broadcast of the stream: 16 hex digits. */
  epoch: string;
  /** With `moderate` on the stream. */
  token: TokenSource;
  /** How long it is, in capture time (GET /api/archive/broadcasts/{stream}/{epoch}). */
  durationMs: number;
  /** Default: performance.now(). */
  clock?: Clock;
  /** Default: the global fetch. */
  fetch?: typeof fetch;
}

/**
 * idle -> loading -> playing <-> paused; ended at the end; failed when the archive does not give what is to be played: play() and
 * seek() try again. `loading` also while playback waits for the network.
 */
export type ReplayState = 'idle' | 'loading' | 'playing' | 'paused' | 'ended' | 'failed';

export interface ReplayEvents {
  /** Also when the rate changes. `reason` with `failed`: one sentence for people. */
  state: { state: ReplayState; reason?: string };
  /** It has gone to another place: capture times and positions begin anew. */
  epoch: { epoch: bigint };
  header: HeaderFrame;
  /** Given up to a second before it is to be heard or seen, as live frames are. */
  audio: AudioFrame;
  motion: MotionFrame;
  /** Those from the moment on at which playback began. */
  event: EventFrame;
  custom: CustomFrame;
}

/** How slowly and how quickly a replay plays. */
export const ReplayRates = { min: 0.5, max: 4 } as const;
