// Seeded randomness: the same seed and scenario cut connections at the same points, so that a
// failure can be repeated.

/** Numbers that depend only on a seed (Mulberry32). */
export class SeededRandom {
  #state: number;

  /** `salt` distinguishes sequences of the same seed. */
  constructor(seed: number, salt: string) {
    this.#state = seed >>> 0;
    for (const character of salt) this.#state = Math.imul(this.#state ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `first` to `last`, both included. */
  between(first: number, last: number): number {
    return first + Math.floor(this.next() * (last - first + 1));
  }

  /** `size` random bytes. */
  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.between(0, 255));
  }
}
