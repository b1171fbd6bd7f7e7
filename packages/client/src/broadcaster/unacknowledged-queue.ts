// Frames that the server has not acknowledged, in order of sequence: what a returning broadcaster sends again. Bounded by
// time, bytes and, for what is never dropped, number. Invariant: every sequence up to the newest is acknowledged, held, or
// in `dropped` (declared to the server until acknowledged).
import { isDroppable, Kind, type NumberRange, RangeSet } from '@hayate/protocol';
import type { EventInput, FrameCounts } from './broadcaster-api.ts';

/** A frame on its way. */
export interface OutgoingFrame {
  readonly sequence: number;
  readonly kind: number;
  /** The encoded Frame. */
  readonly bytes: Uint8Array;
  /** When it was queued, monotonic milliseconds. */
  readonly queuedMs: number;
  /** Of EVENT frames: what the application gave. */
  readonly event?: EventInput;
  /** Whether it has been written to a socket. */
  written: boolean;
}

/** What `expire` dropped. */
export interface Expired {
  /** To be declared to the server. */
  readonly ranges: readonly Readonly<NumberRange>[];
  /** How many of each kind; without those that are durable already. */
  readonly counts: FrameCounts;
}

export interface QueueLimits {
  maxAgeMs: number;
  /** Frames that are never dropped: events and headers. */
  eventsMax: number;
  bytesMax: number;
}

/** Counters for each kind, at 0. */
export function noFrames(): FrameCounts {
  return { header: 0, audio: 0, motion: 0, event: 0 };
}

/** The counter's name for a frame kind. */
export function countName(kind: number): keyof FrameCounts {
  return kind === Kind.HEADER ? 'header' : kind === Kind.AUDIO ? 'audio' : kind === Kind.MOTION ? 'motion' : 'event';
}

/** Unacknowledged frames of one epoch. */
export class UnacknowledgedQueue {
  readonly #limits: QueueLimits;
  /** Voice and poses, which may be dropped, and all else, which may not: each in order of sequence. */
  readonly #media = new Map<number, OutgoingFrame>();
  readonly #kept = new Map<number, OutgoingFrame>();
  /** Declared dropped and not yet acknowledged. */
  readonly dropped = new RangeSet();
  #acknowledged = 0;
  /** The server in use has said that it has everything before it. One that took over may know less than what is acknowledged. */
  #known = 0;
  #frames = 0;
  #bytes = 0;
  #events = 0;
  #heldBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Frames that wait for acknowledgement. */
  get frames(): number {
    return this.#frames;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Every frame before it is acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The server in use has said that it has everything before it. */
  get known(): number {
    return this.#known;
  }

  /** Whether another event would exceed the bound. */
  get eventsFull(): boolean {
    return this.#events >= this.#limits.eventsMax;
  }

  get(sequence: number): OutgoingFrame | undefined {
    return this.#media.get(sequence) ?? this.#kept.get(sequence);
  }

  /** The frames that wait for acknowledgement, what may be dropped first. */
  *unacknowledged(): Generator<OutgoingFrame> {
    for (const frames of [this.#media, this.#kept])
      for (const frame of frames.values()) if (frame.sequence >= this.#acknowledged) yield frame;
  }

  push(frame: OutgoingFrame): void {
    (isDroppable(frame.kind) ? this.#media : this.#kept).set(frame.sequence, frame);
    this.#frames++;
    this.#bytes += frame.bytes.length;
    this.#heldBytes += frame.bytes.length;
    if (!isDroppable(frame.kind)) this.#events++;
  }

  /** All before `next` is durable. Frames are still held until `release`: a server that restarts knows only what its ticket says. */
  acknowledge(next: number): void {
    for (let sequence = this.#acknowledged; sequence < next; sequence++) {
      const frame = this.get(sequence);
      if (frame !== undefined) this.#settle(frame);
    }
    this.#acknowledged = Math.max(this.#acknowledged, next);
    this.#known = Math.max(this.#known, next);
    this.dropped.remove(0, next - 1);
  }

  /** A ticket vouches that all before `next` is durable: nothing will ask for it again. */
  release(next: number): void {
    for (const frames of [this.#media, this.#kept])
      for (const frame of frames.values()) {
        if (frame.sequence >= Math.min(next, this.#acknowledged)) break;
        this.#forget(frame);
      }
  }

  /**
   * Drops what is over the bounds, oldest first: voice and poses that the server in use does not know of become `dropped`.
   * Undefined if none did.
   */
  expire(nowMs: number): Expired | undefined {
    const ranges = new RangeSet();
    const counts = noFrames();
    for (const frame of this.#media.values()) {
      if (nowMs - frame.queuedMs <= this.#limits.maxAgeMs && this.#heldBytes <= this.#limits.bytesMax) break;
      this.#forget(frame);
      if (frame.sequence < this.#known) continue;
      ranges.add(frame.sequence);
      this.dropped.add(frame.sequence);
      // What an earlier server acknowledged is durable: this one only must not wait for it.
      if (frame.sequence < this.#acknowledged) continue;
      this.#settle(frame);
      counts[countName(frame.kind)]++;
    }
    return ranges.size === 0 ? undefined : { ranges: ranges.ranges, counts };
  }

  /** A server takes over that has everything before `next`, which is then acknowledged: what it lacks, up to `last`, and is not held any more is dropped. */
  takeOver(next: number, last: number): void {
    this.#known = next;
    for (let sequence = next; sequence <= last; sequence++) if (this.get(sequence) === undefined) this.dropped.add(sequence);
  }

  #settle(frame: OutgoingFrame): void {
    this.#frames--;
    this.#bytes -= frame.bytes.length;
    if (!isDroppable(frame.kind)) this.#events--;
  }

  #forget(frame: OutgoingFrame): void {
    this.#media.delete(frame.sequence);
    this.#kept.delete(frame.sequence);
    this.#heldBytes -= frame.bytes.length;
  }
}
