// A rate limit with a burst. In: costs. Out: yes or no. Never more than burst + rate * time passes.

/**
 * `rate` units per second on average, `burst` units at once. Times are milliseconds of any
 * monotonic clock.
 */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;

  constructor(options: { rate: number; burst: number; nowMs: number }) {
    this.#ratePerMs = options.rate / 1000;
    this.#burst = options.burst;
    this.#level = options.burst;
    this.#atMs = options.nowMs;
  }

  /** Takes `cost` units if they are available. */
  take(cost: number, nowMs: number): boolean {
    this.#level = Math.min(this.#burst, this.#level + Math.max(0, nowMs - this.#atMs) * this.#ratePerMs);
    this.#atMs = nowMs;
    if (cost > this.#level) return false;
    this.#level -= cost;
    return true;
  }
}
