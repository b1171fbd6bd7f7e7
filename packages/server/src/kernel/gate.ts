// A gate that lets work pass while the weight of all that is inside stays below a bound; what is heavier than that passes alone.
// First come, first served.

/** Bounds what is going on at a time. A weight is whatever shall be bounded: bytes, or 1 for each. */
export class Gate {
  readonly #weightMax: number;
  #weight = 0;
  readonly #queue: { weight: number; enter: () => void }[] = [];

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  /** Of all that is inside. */
  get weight(): number {
    return this.#weight;
  }

  /** Does `work` when there is room for it; resolves or rejects as it does. */
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
