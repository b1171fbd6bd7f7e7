// The smallest of the last seconds' values: what a delay is when nothing gets in its way. Sliding over a bounded window,
// it follows two clocks that drift apart.

/** The minimum over a sliding window of time. */
export class WindowedMinimum {
  readonly #windowMs: number;
  /** Candidates: later ones are larger, or they would have replaced these. */
  #candidates: { atMs: number; value: number }[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** undefined before the first value. The last value of a silent source stays. */
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
