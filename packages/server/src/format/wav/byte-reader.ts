// A reader of a stream of bytes that can look ahead any number of bytes. It holds no more than the
// bytes looked at and the source's last block.

/** Reads `bytes` from its beginning. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #position = 0;
  #isEnded = false;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#source = bytes[Symbol.asyncIterator]();
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /**
   * The next bytes, without taking them: at least `min`, fewer only at the end, and at most `max`.
   */
  async peek(min: number, max = min): Promise<Uint8Array> {
    while (this.#held.length < min && !this.#isEnded) {
      const next = await this.#source.next();
      if (next.done) this.#isEnded = true;
      else this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    }
    return this.#held.subarray(0, max);
  }

  /** Takes the next bytes, at most `max` of them; none only at the end. */
  async read(max: number): Promise<Uint8Array> {
    const bytes = await this.peek(1, max);
    this.#take(bytes.length);
    return bytes;
  }

  /** Takes the next `count` bytes; fewer only at the end. */
  async take(count: number): Promise<Uint8Array> {
    const bytes = await this.peek(count);
    this.#take(bytes.length);
    return bytes;
  }

  /** Takes `count` bytes without returning them; resolves to the number of bytes that existed. */
  async skip(count: number): Promise<number> {
    let skipped = 0;
    while (skipped < count) {
      const { length } = await this.read(count - skipped);
      if (length === 0) break;
      skipped += length;
    }
    return skipped;
  }

  /** Closes the source, whether or not it has ended. */
  async close(): Promise<void> {
    this.#isEnded = true;
    this.#held = new Uint8Array(0);
    await this.#source.return?.();
  }

  #take(count: number): void {
    this.#held = this.#held.subarray(count);
    this.#position += count;
  }
}
