// A set of sequence numbers, kept as sorted, disjoint, inclusive ranges. It holds sequences that
// are received, dropped, acknowledged, missing or due to be resent. Neighbouring ranges are merged,
// so the number of holes bounds its size, not the number of sequences.

/** first <= last, both included. */
export interface NumberRange {
  first: number;
  last: number;
}

/** A set of unsigned integers. */
export class RangeSet {
  #ranges: NumberRange[] = [];
  #size = 0;

  /** How many numbers the set holds. */
  get size(): number {
    return this.#size;
  }

  /** How many ranges the set holds. */
  get rangeCount(): number {
    return this.#ranges.length;
  }

  /** The lowest range, or undefined if the set is empty. */
  get lowest(): Readonly<NumberRange> | undefined {
    return this.#ranges[0];
  }

  /** The highest range, or undefined if the set is empty. */
  get highest(): Readonly<NumberRange> | undefined {
    return this.#ranges[this.#ranges.length - 1];
  }

  /** A snapshot of the ranges, ascending. Later changes to the set do not alter it. */
  get ranges(): readonly Readonly<NumberRange>[] {
    return [...this.#ranges];
  }

  /** The smallest number from `from` on that the set does not hold. */
  nextMissing(from = 0): number {
    const range = this.#ranges[this.#firstEndingAtOrAfter(from)];
    return range !== undefined && range.first <= from ? range.last + 1 : from;
  }

  has(number: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(number)];
    return range !== undefined && range.first <= number;
  }

  /**
   * Adds first..last, both included (nothing if last < first). Returns true if any number is new.
   */
  add(first: number, last = first): boolean {
    if (last < first) return false;
    const end = this.#ranges.length - 1;
    const highest = this.#ranges[end];
    if (highest !== undefined && first === highest.last + 1) {
      // The usual case: numbers come in order.
      this.#ranges[end] = { first: highest.first, last };
      this.#size += last - first + 1;
      return true;
    }
    const sizeBefore = this.#size;
    const from = this.#firstEndingAtOrAfter(first - 1);
    let to = from;
    const merged = { first, last };
    for (let range = this.#ranges[to]; range !== undefined && range.first <= last + 1; range = this.#ranges[++to]) {
      merged.first = Math.min(merged.first, range.first);
      merged.last = Math.max(merged.last, range.last);
      this.#size -= range.last - range.first + 1;
    }
    this.#ranges.splice(from, to - from, merged);
    this.#size += merged.last - merged.first + 1;
    return this.#size > sizeBefore;
  }

  /** Removes first..last, both included. Returns how many of the numbers the set held. */
  remove(first: number, last: number): number {
    if (last < first) return 0;
    const from = this.#firstEndingAtOrAfter(first);
    let to = from;
    const left: NumberRange[] = [];
    let removed = 0;
    for (let range = this.#ranges[to]; range !== undefined && range.first <= last; range = this.#ranges[++to]) {
      removed += Math.min(range.last, last) - Math.max(range.first, first) + 1;
      if (range.first < first) left.push({ first: range.first, last: first - 1 });
      if (range.last > last) left.push({ first: last + 1, last: range.last });
    }
    this.#ranges.splice(from, to - from, ...left);
    this.#size -= removed;
    return removed;
  }

  clear(): void {
    this.#ranges = [];
    this.#size = 0;
  }

  /** Index of the first range whose last number is >= `number`. */
  #firstEndingAtOrAfter(number: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.last ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
