// The options, frames, events and statistics of a Viewer.
import type { Event, Pose, StreamHeader } from '@hayate/protocol';
import type { ConnectionOptions } from '../connection/connection-options.ts';
import type { ConnectionState, StateChange } from '../connection/connection-state.ts';
import type { EndReasonName } from '../connection/end-reason.ts';

export type ViewerOptions = ConnectionOptions;

/** The fields of every frame. */
export interface FrameInfo {
  sequence: number;
  /** Microseconds since the epoch began. */
  captureUs: number;
  participant: number;
}

export interface AudioFrame extends FrameInfo {
  /** Consecutive Opus packets. */
  packets: readonly Uint8Array[];
  /** 48 kHz sample of the epoch at which the first packet begins. */
  position: number;
  /** Loudness as in RFC 6464, 0 (loudest) to 127 (silence); undefined if not measured. */
  level: number | undefined;
}

export interface MotionFrame extends FrameInfo {
  /** The listener may keep it. */
  pose: Pose;
  key: boolean;
}

export interface EventFrame extends FrameInfo {
  body: Event['body'];
}

/** A frame of kind GAME or of an application's own kind (64 to 127). */
export interface CustomFrame extends FrameInfo {
  kind: number;
  key: boolean;
  keySequence: number;
  payload: Uint8Array;
}

/** Frames that will not come. */
export interface GapReport {
  first: number;
  /** Inclusive. */
  last: number;
  /**
   * 'lost': the server does not have them; 'slow': this viewer was too slow; 'expired': from before
   * it joined or reconnected.
   */
  reason: 'lost' | 'slow' | 'expired' | 'unknown';
}

export interface StreamEnded {
  epoch: bigint;
  nextSequence: number;
  reason: EndReasonName;
}

export interface ViewerEvents {
  state: StateChange;
  /**
   * The epoch now watched; undefined while the stream is not live. Capture times and positions
   * restart.
   */
  epoch: { epoch: bigint | undefined };
  header: FrameInfo & { header: StreamHeader };
  audio: AudioFrame;
  motion: MotionFrame;
  event: EventFrame;
  custom: CustomFrame;
  gap: GapReport;
  audience: { viewers: number };
  /** The epoch has ended; the viewer stays for the next one. */
  ended: StreamEnded;
}

/** A time with its largest error, milliseconds. */
export interface MeasuredMs {
  ms: number;
  errorMs: number;
}

export interface ViewerStatistics {
  state: ConnectionState;
  /** Frames given to listeners, by kind. */
  frames: { header: number; audio: number; motion: number; event: number; custom: number };
  /**
   * Frames missing from the sequence or reported by the server, by reason. A frame is counted once.
   */
  missing: { lost: number; slow: number; expired: number };
  /** Frames that arrived twice, or too late to matter. */
  duplicates: number;
  /** Motion deltas whose key pose did not arrive. */
  deltasWithoutKey: number;
  /** Frames that could not be read. */
  malformed: number;
  /** Received over the last two seconds. */
  bitsPerSecond: number;
  roundTripMs: number | undefined;
  /**
   * Server's Unix clock minus the local monotonic clock, and the largest error of that estimate,
   * microseconds.
   */
  clock: { offsetUs: number; errorUs: number } | undefined;
  /** Capture to arrival here: the median of the last frames; undefined before the first. */
  latency: MeasuredMs | undefined;
  viewers: number;
  reconnects: number;
}
