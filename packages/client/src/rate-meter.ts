// Amounts over the last two seconds, for a rate. Eight slots of a quarter second, so its state is
// small.

const SLOT_MS = 250;
const SLOTS = 8;

/** Measures a rate over a sliding window of two seconds. */
export class RateMeter {
  readonly #amounts = new Float64Array(SLOTS);
  #slot = 0;

  /** `amount` (bytes, frames) passed at `nowMs`. */
  add(amount: number, nowMs: number): void {
    this.#advance(nowMs);
    const at = this.#slot % SLOTS;
    this.#amounts[at] = (this.#amounts[at] ?? 0) + amount;
  }

  /** The rate at `nowMs`. */
  perSecond(nowMs: number): number {
    this.#advance(nowMs);
    return (this.#amounts.reduce((sum, amount) => sum + amount, 0) * 1_000) / (SLOT_MS * SLOTS);
  }

  /** The rate at `nowMs` of a meter of bytes. */
  bitsPerSecond(nowMs: number): number {
    return Math.round(this.perSecond(nowMs) * 8);
  }

  #advance(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    for (let i = Math.max(this.#slot + 1, slot - SLOTS + 1); i <= slot; i++) this.#amounts[i % SLOTS] = 0;
    this.#slot = Math.max(this.#slot, slot);
  }
}
