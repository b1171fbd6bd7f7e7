// Puts the frames of one epoch in order. In: frames as the shards deliver them, out of order,
// duplicated, some missing. Out: each frame once, in ascending order; the sequences to request from
// the streamer again; and the sequences given up. Each frame names the one published before it, so
// the order never waits for holes in the source. Pure: the caller passes the time in.
import type { NumberRange } from '@hayate/protocol';
import type { LiveEntry } from '../live/live-entry.ts';

/**
 * How long a gap may be open before the streamer is asked, in milliseconds. Shards differ by less.
 */
export const REPAIR_AFTER_MS = 30;
/** How long to wait before the streamer is asked again. */
export const REPAIR_AGAIN_MS = 60;
/** A gap that has been open this long is given up. */
export const GIVE_UP_MS = 200;
/** Frames that may wait for gaps to close. With more, the oldest gap is given up. */
export const WAITING_FRAMES_MAX = 2_048;

/** Frames that can be handed on, and gaps before and between them. */
export interface Released<Entry> {
  /** In ascending order. */
  frames: Entry[];
  /** Sequences before and between these frames that will not come. */
  missing: NumberRange[];
  /**
   * The number of missing frames that may have been published live. The others are holes in the
   * source.
   */
  lost: number;
}

interface Waiting<Entry> {
  entry: Entry;
  sinceMs: number;
}

/** The order of one epoch. Times are monotonic milliseconds. */
export class FrameOrder<Entry extends LiveEntry> {
  #nextSequence: number;
  /** Frames not handed on yet, in ascending order. */
  readonly #waiting: Waiting<Entry>[] = [];
  /** The streamer has published everything before this sequence, as it says. */
  #expected = { nextSequence: 0, sinceMs: 0 };
  #askedMs = Number.NEGATIVE_INFINITY;

  /** Frames before `nextSequence` are ignored. */
  constructor(nextSequence: number) {
    this.#nextSequence = nextSequence;
  }

  /** The sequence after the last one handed on or given up. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Whether frames are missing. */
  get open(): boolean {
    return this.#waiting.length > 0 || this.#expected.nextSequence > this.#nextSequence;
  }

  /** Takes a frame. False: it was taken before, or has been given up. */
  take(entry: Entry, nowMs: number): boolean {
    const { sequence } = entry.header;
    if (sequence < this.#nextSequence) return false;
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1]?.entry.header.sequence ?? 0) > sequence) at--;
    if (at > 0 && this.#waiting[at - 1]?.entry.header.sequence === sequence) return false;
    this.#waiting.splice(at, 0, { entry, sinceMs: nowMs });
    return true;
  }

  /** The streamer has published everything before `nextSequence`. This reveals a lost tail. */
  expect(nextSequence: number, nowMs: number): void {
    if (nextSequence > this.#expected.nextSequence) this.#expected = { nextSequence, sinceMs: nowMs };
  }

  /** Hands on the frames that are in order, and gives up those missing for too long. */
  release(nowMs: number): Released<Entry> {
    const released: Released<Entry> = { frames: [], missing: [], lost: 0 };
    let settled = this.#settledCount();
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0], settled--) {
      if (settled <= 0 && head.entry.previousPlusOne > this.#nextSequence && !this.#gapTimedOut(nowMs)) break;
      this.#waiting.shift();
      const { sequence } = head.entry.header;
      this.#skipTo(sequence, Math.max(0, head.entry.previousPlusOne - this.#nextSequence), released);
      released.frames.push(head.entry);
      this.#nextSequence = sequence + 1;
    }
    const { nextSequence, sinceMs } = this.#expected;
    if (this.#waiting.length === 0 && nowMs - sinceMs >= GIVE_UP_MS)
      this.#skipTo(nextSequence, nextSequence - this.#nextSequence, released);
    return released;
  }

  /** The sequences to request from the streamer now. */
  ask(nowMs: number): NumberRange[] {
    if (nowMs - this.#askedMs < REPAIR_AGAIN_MS) return [];
    const ranges: NumberRange[] = [];
    let cursor = this.#nextSequence;
    const missing = (nextSequence: number, sinceMs: number) => {
      if (nextSequence > cursor && nowMs - sinceMs >= REPAIR_AFTER_MS) ranges.push({ first: cursor, last: nextSequence - 1 });
    };
    for (const { entry, sinceMs } of this.#waiting) {
      missing(entry.previousPlusOne, sinceMs);
      cursor = entry.header.sequence + 1;
    }
    missing(this.#expected.nextSequence, this.#expected.sinceMs);
    if (ranges.length > 0) this.#askedMs = nowMs;
    return ranges;
  }

  /**
   * The number of waiting frames up to the last one that a streamer published directly after a
   * frame already handed on. No other frame can come between them.
   */
  #settledCount(): number {
    return this.#waiting.findLastIndex(({ entry }) => entry.previousPlusOne <= this.#nextSequence) + 1;
  }

  /** Whether the first gap has been open for long enough. Every waiting frame is evidence of it. */
  #gapTimedOut(nowMs: number): boolean {
    if (this.#waiting.length > WAITING_FRAMES_MAX) return true;
    return this.#waiting.some(({ sinceMs }) => nowMs - sinceMs >= GIVE_UP_MS);
  }

  #skipTo(sequence: number, lost: number, released: Released<Entry>): void {
    if (sequence <= this.#nextSequence) return;
    released.missing.push({ first: this.#nextSequence, last: sequence - 1 });
    released.lost += lost;
    this.#nextSequence = sequence;
  }
}
