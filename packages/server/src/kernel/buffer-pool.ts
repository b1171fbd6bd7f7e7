// Buffers of one size, used again and again: what takes many of them at a high rate would otherwise make the garbage
// collector run for their sake alone, and hold twice as much memory as it needs.

/** Takes buffers and gives them back. */
export interface BufferSource {
  /** Bytes of each buffer. */
  readonly size: number;
  /** A buffer, with whatever is in it. */
  take(): Buffer;
  /** Gives a buffer back that `take` gave. Nobody may use it, or a view of it, after that. */
  give(buffer: Buffer): void;
}

/** Keeps what is given back, up to a bound. */
export class BufferPool implements BufferSource {
  readonly size: number;
  readonly #bytesMax: number;
  readonly #free: Buffer[] = [];

  /** `bytesMax`: how much is kept for later at the most. */
  constructor(size: number, bytesMax: number) {
    this.size = size;
    this.#bytesMax = bytesMax;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  give(buffer: Buffer): void {
    if (buffer.length !== this.size) throw new RangeError(`a buffer of ${buffer.length} bytes is not of this pool`);
    if ((this.#free.length + 1) * this.size <= this.#bytesMax) this.#free.push(buffer);
  }
}

/** Buffers that are used once: for those who make few. */
export function freshBuffers(size: number): BufferSource {
  return { size, take: () => Buffer.allocUnsafeSlow(size), give: () => undefined };
}
