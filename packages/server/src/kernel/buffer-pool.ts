// Reuses buffers of one size. Without a pool, code that takes many buffers at a high rate would
// make the garbage collector run for them alone, and hold twice as much memory as it needs.

/** Hands out buffers and takes them back. */
export interface BufferSource {
  /** Bytes of each buffer. */
  readonly size: number;
  /** A buffer with arbitrary content. */
  take(): Buffer;
  /** Gives back a buffer from `take`. It must not be used after that, nor any view of it. */
  give(buffer: Buffer): void;
}

/** Keeps returned buffers, up to a bound. */
export class BufferPool implements BufferSource {
  readonly size: number;
  readonly #bytesMax: number;
  readonly #free: Buffer[] = [];

  /** `bytesMax`: how many bytes of buffers are kept for reuse at most. */
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

/** Buffers that are used only once, for code that needs few. */
export function freshBuffers(size: number): BufferSource {
  return { size, take: () => Buffer.allocUnsafeSlow(size), give: () => undefined };
}
