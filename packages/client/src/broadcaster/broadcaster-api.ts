// The options, frames, events and statistics of a Broadcaster.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EventSchema } from '@hayate/protocol';
import type { ConnectionOptions } from '../connection/connection-options.ts';
import type { ConnectionState, StateChange } from '../connection/connection-state.ts';
import type { EndReasonName } from '../connection/end-reason.ts';

/** How the voice is encoded (payload.proto, AudioConfig). */
export interface AudioFormat {
  /** 1 or 2. */
  channels: number;
  /** 48 kHz samples that a decoder discards at the start (RFC 7845 section 4.2). libopus: 312. */
  preSkip: number;
  /** Rate of the original input in Hz, informational. */
  inputSampleRate: number;
}

/** Someone in the stream other than the broadcaster, who is participant 0. */
export interface ParticipantInfo {
  /** 1 to 63, unique within the stream. */
  number: number;
  /**
   * Any script, at most 100 UTF-16 code units (as in `length`) after cleaning; two participants may
   * have the same.
   */
  name: string;
  /** Avatar reference; empty for the default avatar. */
  avatar: string;
}

/**
 * The content of the stream's HEADER; see Broadcaster.update. Its text is cleaned before it is sent
 * (spec/wire.md, "Text"): control characters and marks that change the direction of text are
 * removed. Text that is still too long is refused, not cut: `truncateText` cuts it without
 * splitting an emoji.
 */
export interface StreamDescription {
  /** Any script, at most 200 UTF-16 code units (as in `length`) after cleaning. */
  title: string;
  /**
   * Avatar reference of the broadcaster: an https URL of a VRM file, or empty for the default
   * avatar.
   */
  avatar: string;
  participants: readonly ParticipantInfo[];
  /** Undefined for a broadcast without voice. */
  audio: AudioFormat | undefined;
  /** The application's intended number of poses a second. */
  motionRate: number;
}

export interface BroadcasterOptions extends ConnectionOptions, Partial<StreamDescription> {
  /** Longest time an unacknowledged frame is kept, milliseconds. Default 30,000. */
  queueMs?: number;
  /** Most events and headers that may wait for acknowledgement. Default 4,096. */
  queueEventsMax?: number;
  /** Most bytes of unacknowledged frames. Default 16 MiB. */
  queueBytesMax?: number;
}

/** One or more consecutive Opus packets. */
export interface AudioInput {
  /** 1 to 64 packets (RFC 6716). */
  packets: readonly Uint8Array[];
  /**
   * 48 kHz sample at which the first packet begins, on the application's own timeline. It may start
   * anywhere, but must count packets that were never sent. The Broadcaster shifts it so that the
   * epoch's first audio lies at its capture time.
   */
  position: number;
  /** Loudness as in RFC 6464: 0 (loudest) to 127 (silence), -dBov. */
  level?: number;
  /**
   * When the first sample was captured: see Broadcaster.nowUs. Default: now minus the packets'
   * duration.
   */
  captureUs?: number;
  /** Default 0. */
  participant?: number;
}

export interface MotionOptions {
  /** Default 0. */
  participant?: number;
  /** When the pose was captured: see Broadcaster.nowUs. Default: now. */
  captureUs?: number;
}

/**
 * The argument of sendEvent, for example
 * `{ case: 'comment', value: { author: 'aki', text: 'hello' } }`.
 */
export type EventInput = NonNullable<MessageInitShape<typeof EventSchema>['body']>;

export interface Acknowledgement {
  /** Every frame of this epoch before this sequence is durable, or was declared dropped. */
  nextSequence: number;
  /** The frames between the previous acknowledgement and this one that were declared dropped. */
  dropped: readonly SequenceRange[];
}

/** Consecutive sequences. */
export interface SequenceRange {
  first: number;
  /** Inclusive. */
  last: number;
}

export interface EpochBegun {
  epoch: bigint;
  /**
   * The epoch that could not be resumed because its ticket was no longer valid; undefined for the
   * first.
   */
  previous: bigint | undefined;
  /**
   * Frames of the previous epoch that were never acknowledged, by kind. They are not sent again.
   */
  abandoned: Readonly<FrameCounts>;
  /** The events among them, oldest first. The application decides whether to send them again. */
  abandonedEvents: readonly EventInput[];
}

/** The broadcast is over. */
export interface BroadcastEnded {
  /** The number of frames in the epoch. */
  nextSequence: number;
  reason: EndReasonName;
}

export interface BroadcasterEvents {
  state: StateChange;
  /** An epoch began: the first, or a new one because the old one could not be resumed. */
  epoch: EpochBegun;
  ack: Acknowledgement;
  /** The number of viewers, about once a second when it changes. */
  audience: { viewers: number };
  ended: BroadcastEnded;
}

export interface FrameCounts {
  header: number;
  audio: number;
  motion: number;
  event: number;
}

export interface BroadcasterStatistics {
  state: ConnectionState;
  /** Frames that got a sequence since the Broadcaster was made. */
  frames: Readonly<FrameCounts>;
  /** Frames that were written to a socket more than once. */
  resent: number;
  /**
   * Frames that were never sent or were declared dropped: audio and motion past the queue's bound,
   * motion skipped in congestion, frames given while not live.
   */
  dropped: Readonly<FrameCounts>;
  /** Written to the socket over the last two seconds. */
  bitsPerSecond: number;
  /** Estimated capacity of the uplink; resends use at most half of it. */
  uplinkBitsPerSecond: number;
  /** Of the latest ping, milliseconds; undefined before the first answer. */
  roundTripMs: number | undefined;
  /**
   * Server's Unix clock minus the local monotonic clock, and the largest error of that estimate,
   * microseconds.
   */
  clock: { offsetUs: number; errorUs: number } | undefined;
  unacknowledgedFrames: number;
  unacknowledgedBytes: number;
  /** Every frame before it is durable, or was declared dropped. */
  acknowledgedNextSequence: number;
  /** The sequence of the next frame. */
  nextSequence: number;
  reconnects: number;
  /** Bytes that wait in the WebSocket. */
  bufferedAmountBytes: number;
  viewers: number;
}
