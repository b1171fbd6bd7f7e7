// The wait before the next attempt: it doubles from a quarter second to ten seconds, and half of it
// is random, so that clients that lost the same server do not return in step.
import { Timing } from '@hayate/protocol';

/** Exponential backoff with jitter. */
export class Backoff {
  readonly #random: () => number;
  #attempts = 0;

  /** `random` is in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** The next wait, milliseconds: between half and all of the limit for this attempt. */
  nextMs(): number {
    const full = Math.min(Timing.reconnectLastMs, Timing.reconnectFirstMs * 2 ** this.#attempts);
    this.#attempts++;
    return full / 2 + (this.#random() * full) / 2;
  }

  /** A connection lasted: the next wait is short again. */
  reset(): void {
    this.#attempts = 0;
  }
}
