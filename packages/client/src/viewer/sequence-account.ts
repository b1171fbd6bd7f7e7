// Tracks which sequences of an epoch arrived, which are missing and why. It tells a new frame from
// a duplicate, and keeps received + missing = everything since the viewer joined. Ranges that stay
// missing are folded into counters.
import { RangeSet } from '@hayate/protocol';

/** Why frames are missing. 'lost' also counts holes that the server has not explained (yet). */
export type MissingReason = 'lost' | 'slow' | 'expired';

/**
 * Holes are remembered up to this many for each reason, because they may still be filled or
 * explained.
 */
const RANGES_MAX = 1_024;
/**
 * Frames of the current group from before the joining point; up to this many are checked for
 * duplicates.
 */
const EARLIER_MAX = 1_024;

/** The account of one epoch. */
export class SequenceAccount {
  readonly #missing: Record<MissingReason, RangeSet> = { lost: new RangeSet(), slow: new RangeSet(), expired: new RangeSet() };
  readonly #folded: Record<MissingReason, number> = { lost: 0, slow: 0, expired: 0 };
  readonly #earlier = new Set<number>();
  readonly #joined: number;
  #next: number;
  duplicates = 0;

  /** Frames before `joined` are not expected, except for the current group. */
  constructor(joined: number) {
    this.#joined = joined;
    this.#next = joined;
  }

  /** The sequence after the newest one that arrived or is known to be missing. */
  get next(): number {
    return this.#next;
  }

  /** Records a frame; returns whether it is new. */
  take(sequence: number): boolean {
    if (sequence >= this.#next) {
      this.#miss('lost', this.#next, sequence - 1);
      this.#next = sequence + 1;
      return true;
    }
    const isNew = sequence < this.#joined ? this.#takeEarlier(sequence) : this.#fill(sequence, sequence) > 0;
    if (!isNew) this.duplicates++;
    return isNew;
  }

  /**
   * The server reports that first..last will not come. Frames that have arrived are not affected.
   */
  explain(first: number, last: number, reason: MissingReason): void {
    const from = Math.max(first, this.#joined);
    if (last < from) return;
    for (const range of this.#missing.lost.ranges) {
      const start = Math.max(range.first, from);
      const end = Math.min(range.last, last);
      if (start > end) continue;
      this.#missing.lost.remove(start, end);
      this.#miss(reason, start, end);
    }
    if (last >= this.#next) {
      this.#miss('lost', this.#next, from - 1);
      this.#miss(reason, Math.max(from, this.#next), last);
      this.#next = last + 1;
    }
  }

  missing(reason: MissingReason): number {
    return this.#missing[reason].size + this.#folded[reason];
  }

  #takeEarlier(sequence: number): boolean {
    if (this.#earlier.has(sequence)) return false;
    if (this.#earlier.size < EARLIER_MAX) this.#earlier.add(sequence);
    return true;
  }

  #fill(first: number, last: number): number {
    return Object.values(this.#missing).reduce((filled, ranges) => filled + ranges.remove(first, last), 0);
  }

  #miss(reason: MissingReason, first: number, last: number): void {
    const ranges = this.#missing[reason];
    ranges.add(first, last);
    for (let lowest = ranges.lowest; lowest !== undefined && ranges.rangeCount > RANGES_MAX; lowest = ranges.lowest) {
      this.#folded[reason] += ranges.remove(lowest.first, lowest.last);
    }
  }
}
