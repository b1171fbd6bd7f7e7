// What goes into a Broadcaster and what comes out: options, frames, events, statistics.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EventSchema } from '@hayate/protocol';
import type { ConnectionOptions } from '../connection/connection-options.ts';
import type { ConnectionState, StateChange } from '../connection/connection-state.ts';
import type { EndReasonName } from '../connection/end-reason.ts';

/** How the voice is encoded (payload.proto, AudioConfig). */
export interface AudioFormat {
  /** 1 or 2. */
  channels: number;
  /** Samples at 48 kHz that a decoder discards at the start (RFC 7845 section 4.2). libopus: 312. */
  preSkip: number;
  /** Rate of the original input in Hz, informational. */
  inputSampleRate: number;
}

/** Someone in the stream besides the broadcaster, who is participant 0. */
export interface ParticipantInfo {
  /** 1 to 63, another for each participant. */
  number: number;
  /** Any script, at most 100 UTF-16 code units (what `length` counts) once cleaned; two participants may have the same. */
  name: string;
  /** Avatar reference; empty for the default avatar. */
  avatar: string;
}

/**
 * What the stream's HEADER says; see Broadcaster.update. Its text is cleaned before it is sent (spec/wire.md, "Text"): control
 * characters and marks that turn the direction of text are left out. Text that is too long then is refused, not cut: `truncateText`
 * cuts it without splitting an emoji.
 */
export interface StreamDescription {
  /** Any script, at most 200 UTF-16 code units (what `length` counts) once cleaned. */
  title: string;
  /** Avatar reference of the broadcaster: an https URL of a VRM file, or empty for the default avatar. */
  avatar: string;
  participants: readonly ParticipantInfo[];
  /** undefined: a broadcast without voice. */
  audio: AudioFormat | undefined;
  /** Poses a second the application aims at. */
  motionRate: number;
}

export interface BroadcasterOptions extends ConnectionOptions, Partial<StreamDescription> {
  /** Longest time an unacknowledged frame is kept, milliseconds. Default 30,000. */
  queueMs?: number;
  /** Most events (and headers) that may wait for acknowledgement. Default 4,096. */
  queueEventsMax?: number;
  /** Most bytes of unacknowledged frames. Default 16 MiB. */
  queueBytesMax?: number;
}

/** One or more consecutive Opus packets. */
export interface AudioInput {
  /** 1 to 64 packets (RFC 6716). */
  packets: readonly Uint8Array[];
  /**
   * 48 kHz sample at which the first packet begins, on the application's own timeline: any start, but counting packets
   * that were never sent. The Broadcaster shifts it so that the epoch's first audio lies at its capture time.
   */
  position: number;
  /** Loudness as RFC 6464 has it: 0 (loudest) to 127 (silence), -dBov. */
  level?: number;
  /** When the first sample was captured: see Broadcaster.nowUs. Default: now less the packets' duration. */
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

/** What sendEvent takes, for example `{ case: 'comment', value: { author: 'aki', text: 'hello' } }`. */
export type EventInput = NonNullable<MessageInitShape<typeof EventSchema>['body']>;

export interface Acknowledgement {
  /** Every frame of this epoch before this sequence is durable, or was declared dropped. */
  nextSequence: number;
  /** What was declared dropped, of the frames between the previous acknowledgement and this one. */
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
  /** The epoch that could not be resumed (its ticket was no longer valid); undefined for the first. */
  previous: bigint | undefined;
  /** Frames of the previous epoch that were never acknowledged, by kind. They are not sent again. */
  abandoned: Readonly<FrameCounts>;
  /** The events among them, oldest first: the application decides whether to send them again. */
  abandonedEvents: readonly EventInput[];
}

/** The broadcast is over. */
export interface BroadcastEnded {
  /** Frames of the epoch. */
  nextSequence: number;
  reason: EndReasonName;
}

export interface BroadcasterEvents {
  state: StateChange;
  /** An epoch began: the first, or a new one because the old could not be resumed. */
  epoch: EpochBegun;
  ack: Acknowledgement;
  /** How many watch, about once a second when it changes. */
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
  /** Frames that got a sequence, over the whole life of the Broadcaster. */
  frames: Readonly<FrameCounts>;
  /** Frames written to a socket again after a first time. */
  resent: number;
  /** Never sent, or declared dropped: audio and motion past the queue's bound, motion skipped in congestion, frames while not live. */
  dropped: Readonly<FrameCounts>;
  /** Written to the socket over the last two seconds. */
  bitsPerSecond: number;
  /** What the uplink is believed to carry; resends take at most half of it. */
  uplinkBitsPerSecond: number;
  /** Of the latest ping, milliseconds; undefined before the first answer. */
  roundTripMs: number | undefined;
  /** Server's Unix clock less the local monotonic clock, and the largest error of that estimate, microseconds. */
  clock: { offsetUs: number; errorUs: number } | undefined;
  unacknowledgedFrames: number;
  unacknowledgedBytes: number;
  /** Every frame before it is durable, or was declared dropped. */
  acknowledgedNextSequence: number;
  /** The next frame gets this sequence. */
  nextSequence: number;
  reconnects: number;
  /** Bytes that wait in the WebSocket. */
  bufferedAmountBytes: number;
  viewers: number;
}
