// A gate that lets work pass while the bytes of all that is inside stay below a bound; what is larger than that passes alone.
// First come, first served.

/** Bounds how much is encoded and on its way to the store at a time, all partitions together. */
export class ByteGate {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #queue: { bytes: number; enter: () => void }[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes inside. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Does `work` when there is room for `bytes`; resolves or rejects as it does. */
  async pass<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#queue.length > 0 || !this.#admits(bytes)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push({ bytes, enter: resolve });
      await promise;
    } else this.#bytes += bytes;
    try {
      return await work();
    } finally {
      this.#bytes -= bytes;
      this.#next();
    }
  }

  #admits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  #next(): void {
    for (let first = this.#queue[0]; first !== undefined && this.#admits(first.bytes); first = this.#queue[0]) {
      this.#queue.shift();
      this.#bytes += first.bytes;
      first.enter();
    }
  }
}
