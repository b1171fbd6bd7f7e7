// One epoch's frames on their way to the server: new frames as they come, then, with the rest of
// the uplink, the frames that a reconnected server lacks. Invariant: a frame gets its sequence
// here, once, and every sequence is written, waiting to be written, or declared dropped.
import { Limits, RangeSet } from '@hayate/protocol';
import type { ClientMessageInput } from '../connection/socket.ts';
import type { EventInput, FrameCounts } from './broadcaster-api.ts';
import { type OutgoingFrame, type QueueLimits, UnacknowledgedQueue } from './unacknowledged-queue.ts';
import type { SocketReading, Uplink } from './uplink.ts';

export interface OutboxOptions {
  limits: QueueLimits;
  uplink: Uplink;
  nowMs: () => number;
  readSocket: () => SocketReading;
  /** Writes to the current connection; returns the message's bytes, 0 if there is no connection. */
  send: (message: ClientMessageInput) => number;
  onDropped: (counts: FrameCounts) => void;
}

/**
 * Older frames go to the archive, not to viewers (design, "Live path"), so they wait until new ones
 * are sent.
 */
const LIVE_AGE_MAX_MS = 1_000;
/** Leaves room for a message's other fields. */
const MESSAGE_FRAMES_BYTES_MAX = Limits.clientMessageBytesMax - 8_192;
/** A resend message is small, so that a live frame never waits long after it. */
const RESEND_BYTES_MAX = 4_096;

/** The frames of one epoch. */
export class Outbox {
  readonly queue: UnacknowledgedQueue;
  readonly #options: OutboxOptions;
  /** Sequences to write when there is room: missed, refused, or too old for viewers. */
  readonly #backlog = new RangeSet();
  #nextSequence = 0;
  /** The first sequence not yet written as live. */
  #nextLive = 0;
  /** Dropped, but not yet declared on this connection. */
  readonly #undeclared = new RangeSet();
  /**
   * Frames that were sent again on this connection and are not yet acknowledged: bytes by sequence,
   * ascending.
   */
  readonly #inFlight = new Map<number, number>();
  #inFlightBytes = 0;
  #connected = false;
  #ending = false;
  #endWritten = false;
  resent = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.queue = new UnacknowledgedQueue(options.limits);
  }

  /** The sequence of the next frame. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Whether the socket has room only for frames that must be sent. */
  get congested(): boolean {
    return this.#connected && this.#options.uplink.congested(this.#options.readSocket());
  }

  /** Takes a frame whose header has `sequence: nextSequence`. */
  push(frame: { kind: number; bytes: Uint8Array; event?: EventInput }): void {
    this.queue.push({ ...frame, sequence: this.#nextSequence++, queuedMs: this.#options.nowMs(), written: false });
  }

  /** The connection is lost. */
  disconnect(): void {
    this.#connected = false;
  }

  /** A connection is live; the server holds all frames before `next` and needs the rest. */
  connect(next: number): void {
    this.#connected = true;
    this.#options.uplink.reset(this.#options.nowMs());
    this.queue.takeOver(next, this.#nextSequence - 1);
    this.#declareAgain();
    this.#nextLive = next;
    this.#backlog.clear();
    this.#clearInFlight();
    this.#endWritten = false;
  }

  /**
   * The log could not take the frames from `from`. Those already written are written again, and
   * ranges already declared are declared again.
   */
  resend(from: number): void {
    this.#declareAgain();
    this.#clearInFlight();
    this.#backlog.add(from, this.#nextLive - 1);
  }

  /** No more frames will come: END follows the last. */
  finish(): void {
    this.#ending = true;
    this.flush();
  }

  /** Drops frames that exceed the bounds. */
  expire(): void {
    const expired = this.queue.expire(this.#options.nowMs());
    if (expired === undefined) return;
    for (const { first, last } of expired.ranges) this.#undeclared.add(first, last);
    this.#options.onDropped(expired.counts);
  }

  /** Writes all that may be written now. */
  flush(): void {
    this.expire();
    if (!this.#connected) return;
    const nowMs = this.#options.nowMs();
    const reading = this.#options.readSocket();
    this.#options.uplink.observe(reading, nowMs);
    this.#declare(nowMs);
    if (this.#options.uplink.congested(reading)) return;
    this.#writeLive(nowMs);
    this.#writeBacklog(nowMs);
    this.#writeEnd();
  }

  #declareAgain(): void {
    this.#undeclared.clear();
    for (const { first, last } of this.queue.dropped.ranges) this.#undeclared.add(first, last);
  }

  #declare(nowMs: number): void {
    if (this.#undeclared.size === 0) return;
    const dropped = this.#undeclared.ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
    this.#undeclared.clear();
    this.#options.uplink.sent(this.#options.send({ dropped }), 0, nowMs);
  }

  #writeLive(nowMs: number): void {
    const from = this.#nextLive;
    while (this.#nextLive < this.#nextSequence) {
      const frame = this.queue.get(this.#nextLive);
      if (frame !== undefined && nowMs - frame.queuedMs <= LIVE_AGE_MAX_MS) break;
      this.#nextLive++;
    }
    this.#backlog.add(from, this.#nextLive - 1);
    while (this.#nextLive < this.#nextSequence) {
      const frames: OutgoingFrame[] = [];
      for (let bytes = 0; this.#nextLive < this.#nextSequence; this.#nextLive++) {
        const frame = this.queue.get(this.#nextLive);
        if (frame === undefined) continue;
        if (bytes + frame.bytes.length > MESSAGE_FRAMES_BYTES_MAX && frames.length > 0) break;
        bytes += frame.bytes.length + 4;
        frames.push(frame);
      }
      this.#write(frames, nowMs);
    }
  }

  #writeBacklog(nowMs: number): void {
    const { uplink } = this.#options;
    this.#acknowledgeInFlight();
    while (uplink.mayResend && this.#backlog.size > 0 && this.#inFlightBytes < Limits.resendBytesMax) {
      const frames: OutgoingFrame[] = [];
      let bytes = 0;
      for (let range = this.#backlog.lowest; range !== undefined && bytes < RESEND_BYTES_MAX; range = this.#backlog.lowest) {
        const frame = this.queue.get(range.first);
        this.#backlog.remove(range.first, range.first);
        if (frame === undefined) continue;
        frames.push(frame);
        bytes += frame.bytes.length;
        this.#inFlight.set(frame.sequence, frame.bytes.length);
      }
      this.#inFlightBytes += bytes;
      uplink.resent(this.#write(frames, nowMs), frames.length);
    }
  }

  #acknowledgeInFlight(): void {
    for (const [sequence, bytes] of this.#inFlight) {
      if (sequence >= this.queue.known) return;
      this.#inFlight.delete(sequence);
      this.#inFlightBytes -= bytes;
    }
  }

  #clearInFlight(): void {
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
  }

  #writeEnd(): void {
    if (!this.#ending || this.#endWritten || this.#nextLive < this.#nextSequence || this.#backlog.size > 0) return;
    this.#endWritten = true;
    this.#options.send({ end: { nextSequence: BigInt(this.#nextSequence) } });
  }

  #write(frames: readonly OutgoingFrame[], nowMs: number): number {
    if (frames.length === 0) return 0;
    for (const frame of frames) {
      if (frame.written) this.resent++;
      frame.written = true;
    }
    const bytes = this.#options.send({ frames: frames.map((frame) => frame.bytes) });
    this.#options.uplink.sent(bytes, frames.length, nowMs);
    return bytes;
  }
}
