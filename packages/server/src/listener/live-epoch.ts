// What a listener knows of the epoch that is live: who publishes it, its frames in order, and what viewers who join or come
// back are given. In: envelopes of this epoch. Out: what can be handed to viewers.
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
  /** The last seconds. */
  recent: RecentFrames<Entry>;
  /** Whether the epoch was followed from its first frame, or the group has come. */
  complete: boolean;
  /** Viewers are given nothing until it is complete, so that a HEADER comes first, or has been waited for long enough. */
  begun = false;
  ended = false;
  /** END has come; it takes effect when the frames before it have. */
  ending: Ended | undefined;
  /** The end was only concluded, from silence. */
  presumed = false;
  heardMs: number;
  /** The connection of the broadcaster that speaks, and the streamer process that serves it. */
  #generation: number;
  #incarnation: bigint;
  /** Where this listener came in, and the sequence after the frame that was published before that one. */
  readonly #joined: { sequence: number; previousPlusOne: number };

  /** Follows the epoch from the first frame of `envelope`, or from where it says that the epoch stands. */
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

  /** Frames before this were published before this listener came in. */
  get joinedAt(): number {
    return this.#joined.sequence;
  }

  /** The streamer to ask. */
  get incarnation(): bigint {
    return this.#incarnation;
  }

  /** Notes who speaks. False: a streamer that the broadcaster has left, whose word on anything but frames is out of date. */
  hear({ generation, incarnation }: Envelope, nowMs: number): boolean {
    if (generation < this.#generation) return false;
    this.heardMs = nowMs;
    this.#generation = generation;
    this.#incarnation = incarnation;
    return true;
  }

  /** What is in order now; it is remembered for those who come later. */
  release(nowMs: number): Released<Entry> {
    const released = this.order.release(nowMs);
    for (const entry of released.frames) {
      this.group.add(entry);
      this.recent.push(entry);
    }
    return released;
  }

  /**
   * Takes the answer to a request for the group, frames in ascending order. Those from before this listener came in are
   * remembered: the group for who joins, and what follows frame upon frame up to there for who comes back.
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
