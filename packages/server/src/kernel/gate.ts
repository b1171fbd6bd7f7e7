// Lets work run while the total weight of running work stays below a bound. Work that is heavier
// than the bound runs alone. First come, first served.

/**
 * Bounds concurrent work. Weights are in the unit to be bounded: bytes, or 1 for each piece of
 * work.
 */
export class Gate {
  readonly #weightMax: number;
  #weight = 0;
  readonly #queue: { weight: number; enter: () => void }[] = [];

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  /** Total weight of the running work. */
  get weight(): number {
    return this.#weight;
  }

  /** Runs `work` once there is room for it; resolves or rejects as it does. */
  async pass<T>(weight: number, work: () => Promise<T>): Promise<T> {
    if (this.#queue.length > 0 || !this.#admits(weight)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push({ weight, enter: resolve });
      await promise;
    } else this.#weight += weight;
    try {
      return await work();
    } finally {
      this.#weight -= weight;
      this.#next();
    }
  }

  #admits(weight: number): boolean {
    return this.#weight === 0 || this.#weight + weight <= this.#weightMax;
  }

  #next(): void {
    for (let first = this.#queue[0]; first !== undefined && this.#admits(first.weight); first = this.#queue[0]) {
      this.#queue.shift();
      this.#weight += first.weight;
      first.enter();
    }
  }
}
