// Bytes over the last two seconds, for bits per second. Eight slots of a quarter second, so its
// state is small.

const SLOT_MS = 250;
const SLOTS = 8;

/** Measures a rate over a sliding window of two seconds. */
export class RateMeter {
  readonly #bytes = new Float64Array(SLOTS);
  #slot = 0;

  /** `bytes` passed at `nowMs`. */
  add(bytes: number, nowMs: number): void {
    this.#advance(nowMs);
    const at = this.#slot % SLOTS;
    this.#bytes[at] = (this.#bytes[at] ?? 0) + bytes;
  }

  bitsPerSecond(nowMs: number): number {
    this.#advance(nowMs);
    return Math.round((this.#bytes.reduce((sum, bytes) => sum + bytes, 0) * 8_000) / (SLOT_MS * SLOTS));
  }

  #advance(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    for (let i = Math.max(this.#slot + 1, slot - SLOTS + 1); i <= slot; i++) this.#bytes[i % SLOTS] = 0;
    this.#slot = Math.max(this.#slot, slot);
  }
}
