// A set of sequence numbers kept as sorted, disjoint, non-adjacent ranges: what was received, made durable or dropped.
// Numbers in, ranges out; its size is bounded by the holes, not by the numbers.

/** First and last number of a run, both included. */
export interface NumberRange {
  first: number;
  last: number;
}

/** A set of integers from 0 on. */
export class RangeSet {
  readonly #ranges: NumberRange[] = [];

  /** The runs in ascending order. Not to be changed. */
  get ranges(): readonly Readonly<NumberRange>[] {
    return this.#ranges;
  }

  /** Adds first..last; true if any of them was not in the set. */
  add(first: number, last = first): boolean {
    let low = this.#search(first);
    const before = this.#ranges[low - 1];
    if (before !== undefined && before.last >= first - 1) low--;
    let high = low;
    const merged = { first, last };
    for (let next = this.#ranges[high]; next !== undefined && next.first <= last + 1; next = this.#ranges[++high]) {
      if (next.first <= first && next.last >= last) return false;
      merged.first = Math.min(merged.first, next.first);
      merged.last = Math.max(merged.last, next.last);
    }
    this.#ranges.splice(low, high - low, merged);
    return true;
  }

  /** Removes everything. */
  clear(): void {
    this.#ranges.length = 0;
  }

  has(number: number): boolean {
    const index = this.#search(number + 1) - 1;
    return (this.#ranges[index]?.last ?? -1) >= number;
  }

  /** The smallest number from `from` on that is not in the set. */
  nextMissing(from = 0): number {
    const range = this.#ranges[this.#search(from + 1) - 1];
    return range !== undefined && range.last >= from ? range.last + 1 : from;
  }

  /** Index of the first range that begins at or after `number`. */
  #search(number: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.first ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
