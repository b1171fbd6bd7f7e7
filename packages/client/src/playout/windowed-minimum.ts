// The smallest value of the last seconds: the delay when nothing gets in its way. The window slides
// and is bounded, so the minimum follows two clocks that drift apart.

/** The minimum over a sliding window of time. */
export class WindowedMinimum {
  readonly #windowMs: number;
  /**
   * Candidates, in order; later ones are larger, otherwise they would have replaced the earlier
   * ones.
   */
  #candidates: { atMs: number; value: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Undefined before the first value. The last value of a silent source stays. */
  get value(): number | undefined {
    return this.#candidates[0]?.value;
  }

  add(value: number, atMs: number): void {
    while ((this.#candidates.at(-1)?.value ?? Number.NEGATIVE_INFINITY) >= value) this.#candidates.pop();
    this.#candidates.push({ atMs, value });
    while ((this.#candidates[0]?.atMs ?? atMs) < atMs - this.#windowMs) this.#candidates.shift();
  }

  clear(): void {
    this.#candidates = [];
  }
}
