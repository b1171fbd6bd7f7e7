// How long to wait before the next attempt: doubling from a quarter second to ten, half of it at random, so that
// clients that lost the same server do not return in step.
import { Timing } from '@hayate/protocol';

/** Exponential backoff with jitter. */
export class Backoff {
  readonly #random: () => number;
  #attempts = 0;

  /** `random` is in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The next wait, milliseconds: at least half of what the attempt's number gives. */
  nextMs(): number {
    const full = Math.min(Timing.reconnectLastMs, Timing.reconnectFirstMs * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16);
    return full / 2 + (this.#random() * full) / 2;
  }

  /** A connection held: the next wait is short again. */
  reset(): void {
    this.#attempts = 0;
  }
}
