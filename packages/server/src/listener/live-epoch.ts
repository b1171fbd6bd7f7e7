// A listener's state of the live epoch: who publishes it, its frames in order, and the frames for
// viewers who join or return. In: envelopes of this epoch. Out: frames for viewers.
import type { Ended } from '@hayate/protocol';
import type { Envelope } from '@hayate/protocol/server';
import { CurrentGroup } from '../live/current-group.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import { RecentFrames } from '../live/recent-frames.ts';
import { FrameOrder, type Released } from './frame-order.ts';

/** One epoch of one stream. Times are monotonic milliseconds. */
export class LiveEpoch<Entry extends LiveEntry> {
  readonly epoch: bigint;
  readonly order: FrameOrder<Entry>;
  readonly group = new CurrentGroup<Entry>();
  /** The frames of the last seconds. */
  recent: RecentFrames<Entry>;
  /** Whether the epoch was followed from its first frame, or the group has arrived. */
  complete: boolean;
  /**
   * Viewers are given nothing until the epoch is complete, so that a HEADER comes first, or until
   * the wait for the group is over.
   */
  begun = false;
  ended = false;
  /** END has arrived. It takes effect once the frames before it have been handed on. */
  ending: Ended | undefined;
  /** The end was only inferred, from silence. */
  presumed = false;
  heardMs: number;
  /** The generation of the broadcaster's connection, and the streamer process that serves it. */
  #generation: number;
  #incarnation: bigint;
  /**
   * The first frame that this listener saw, and the sequence, plus 1, of the frame published before
   * it.
   */
  readonly #joined: { sequence: number; previousPlusOne: number };

  /**
   * Follows the epoch from the first frame of `envelope`, or from its next sequence if it has none.
   */
  constructor(envelope: Envelope, first: Entry | undefined, nowMs: number) {
    const next = Number(envelope.nextSequence);
    this.#joined =
      first === undefined
        ? { sequence: next, previousPlusOne: next }
        : { sequence: first.header.sequence, previousPlusOne: first.previousPlusOne };
    this.epoch = envelope.epoch;
    this.order = new FrameOrder(this.#joined.sequence);
    this.recent = new RecentFrames(this.#joined.previousPlusOne === 0 ? 0 : this.#joined.sequence);
    this.complete = this.#joined.previousPlusOne === 0;
    this.heardMs = nowMs;
    this.#generation = envelope.generation;
    this.#incarnation = envelope.incarnation;
  }

  /** Frames before this sequence were published before this listener joined. */
  get joinedAt(): number {
    return this.#joined.sequence;
  }

  /** The streamer to send requests to. */
  get incarnation(): bigint {
    return this.#incarnation;
  }

  /**
   * Records the sender. False: the broadcaster has left this streamer, so only its frames still
   * count.
   */
  hear({ generation, incarnation }: Envelope, nowMs: number): boolean {
    if (generation < this.#generation) return false;
    this.heardMs = nowMs;
    this.#generation = generation;
    this.#incarnation = incarnation;
    return true;
  }

  /** Hands on the frames that are in order, and keeps them for viewers who come later. */
  release(nowMs: number): Released<Entry> {
    const released = this.order.release(nowMs);
    for (const entry of released.frames) {
      this.group.add(entry);
      this.recent.push(entry);
    }
    return released;
  }

  /**
   * Takes the answer to a group request, frames in ascending order. Frames from before this
   * listener joined are kept: the group for viewers who join, and the unbroken run of frames up to
   * that point for viewers who return.
   */
  takeGroup(entries: readonly Entry[], nowMs: number): void {
    this.complete = true;
    const { sequence, previousPlusOne } = this.#joined;
    const older = entries.filter(({ header }) => header.sequence < sequence);
    for (const entry of entries.slice(older.length)) this.order.take(entry, nowMs);
    for (const entry of older) this.group.add(entry);
    let before = previousPlusOne;
    const run: Entry[] = [];
    for (const entry of older.toReversed()) {
      if (entry.header.sequence !== before - 1) break;
      run.unshift(entry);
      before = entry.previousPlusOne;
    }
    const [first] = run;
    if (first === undefined) return;
    const later = this.recent.frames;
    this.recent = new RecentFrames(before === 0 ? 0 : first.header.sequence);
    for (const entry of [...run, ...later]) this.recent.push(entry);
  }
}
