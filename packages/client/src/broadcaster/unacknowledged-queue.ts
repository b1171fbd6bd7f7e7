// Frames that the server has not acknowledged, in order of sequence; a reconnected broadcaster
// sends them again. Bounded by time, by bytes and, for frames that are never dropped, by number.
// Invariant: every sequence up to the newest is acknowledged, held, or in `dropped` (declared to
// the server until acknowledged).
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
  /** The application's input, for EVENT frames. */
  readonly event?: EventInput;
  /** Whether it has been written to a socket. */
  written: boolean;
}

/** The result of `expire`. */
export interface Expired {
  /** To be declared to the server. */
  readonly ranges: readonly Readonly<NumberRange>[];
  /** The number of dropped frames by kind, without those that are already durable. */
  readonly counts: FrameCounts;
}

export interface QueueLimits {
  maxAgeMs: number;
  /** Frames that are never dropped: events and headers. */
  eventsMax: number;
  bytesMax: number;
}

/** Zero for each kind. */
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
  /**
   * Voice and poses, which may be dropped. #kept holds all others. Both are in order of sequence.
   */
  readonly #media = new Map<number, OutgoingFrame>();
  readonly #kept = new Map<number, OutgoingFrame>();
  /** Declared dropped, but not yet acknowledged. */
  readonly dropped = new RangeSet();
  #acknowledged = 0;
  /**
   * The current server has stated that it has every frame before this sequence. A successor server
   * may know less than the acknowledged frames.
   */
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

  /** Bytes of the frames that wait for acknowledgement. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Every frame before it is acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The current server has stated that it has every frame before this sequence. */
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

  /** The frames that wait for acknowledgement, droppable ones first. */
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

  /**
   * All frames before `next` are durable. They are held until `release`, because a server that
   * restarts knows only its ticket.
   */
  acknowledge(next: number): void {
    for (let sequence = this.#acknowledged; sequence < next; sequence++) {
      const frame = this.get(sequence);
      if (frame !== undefined) this.#settle(frame);
    }
    this.#acknowledged = Math.max(this.#acknowledged, next);
    this.#known = Math.max(this.#known, next);
    this.dropped.remove(0, next - 1);
  }

  /** A ticket covers all frames before `next`, so no server will ask for them again. */
  release(next: number): void {
    for (const frames of [this.#media, this.#kept])
      for (const frame of frames.values()) {
        if (frame.sequence >= Math.min(next, this.#acknowledged)) break;
        this.#forget(frame);
      }
  }

  /**
   * Drops frames beyond the bounds, oldest first. Voice and poses that the current server does not
   * know of become `dropped`. Undefined if there were none.
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
      // A frame that an earlier server acknowledged is durable; it is declared only so that this
      // server does not wait for it.
      if (frame.sequence < this.#acknowledged) continue;
      this.#settle(frame);
      counts[countName(frame.kind)]++;
    }
    return ranges.size === 0 ? undefined : { ranges: ranges.ranges, counts };
  }

  /**
   * A server takes over that has every frame before `next`. Frames up to `last` that it lacks and
   * that are no longer held count as dropped.
   */
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
