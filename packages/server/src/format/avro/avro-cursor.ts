// Reads Avro's binary encoding: non-negative numbers, bytes and text. It never reads beyond the end
// of the bytes.
import { AvroError } from './avro-error.ts';

/** Reads `bytes` from their beginning. */
export class AvroCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes read. */
  get at(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A long from 0 to 2^53 - 1. Throws AvroError. */
  long(): number {
    const start = this.#at;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new AvroError('the file is cut short', { needed: this.#at });
      value += (byte & 0x7f) * scale;
      if (byte >= 128) {
        scale *= 128;
        continue;
      }
      // Zigzag: the lowest bit is the sign. Beyond 53 bits the sum loses it, so take it from the
      // first byte.
      if (((this.#bytes[start] ?? 0) & 1) === 1) throw new AvroError('a number is negative');
      if (value / 2 > Number.MAX_SAFE_INTEGER) break;
      return value / 2;
    }
    throw new AvroError('a number is out of range');
  }

  /** The next bytes, as a view. Throws AvroError. */
  take(length: number): Uint8Array {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new AvroError('the file is cut short', { needed: this.#at });
    return this.#bytes.subarray(start, this.#at);
  }

  /** A text, preceded by its length. Throws AvroError. */
  text(): string {
    return Buffer.from(this.take(this.long())).toString('utf8');
  }
}
