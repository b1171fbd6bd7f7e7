// Zigzag variable-length integers as in Kafka's records: 32 bits, low groups of seven first. A
// length of -1 means null.

/** The number of bytes that `value`, a signed 32-bit integer, takes. */
export function varintBytes(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  for (; rest > 0x7f; rest >>>= 7) bytes += 1;
  return bytes;
}

/** Writes `value` at `at`; returns the position after it. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = zigzag(value);
  let position = at;
  for (; rest > 0x7f; rest >>>= 7) into[position++] = (rest & 0x7f) | 0x80;
  into[position++] = rest;
  return position;
}

/** Reads one value after another from bytes. */
export class VarintReader {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  /**
   * The next integer. Throws RangeError if the bytes end or the number does not fit into 64 bits;
   * only its low 32 bits are used.
   */
  next(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) throw new RangeError('a number is cut short');
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new RangeError('a number has no end');
  }

  /**
   * The next length and that many bytes, as a view; undefined for null. Throws RangeError if bytes
   * are missing.
   */
  nextBytes(): Uint8Array | undefined {
    const length = this.next();
    if (length < 0) return undefined;
    const end = this.position + length;
    if (end > this.bytes.length) throw new RangeError('a field is cut short');
    const field = this.bytes.subarray(this.position, end);
    this.position = end;
    return field;
  }
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}
