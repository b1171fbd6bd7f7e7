// Writes Avro's binary encoding of non-negative numbers, text and bytes into a buffer with enough
// room. Takes the position `at`; returns the position after the written bytes.

/** The most bytes of a long. */
export const AVRO_LONG_BYTES = 10;

/** A long from 0 to 2^53 - 1: zigzag, then base 128, least significant first. */
export function writeAvroLong(buffer: Uint8Array, value: number, at: number): number {
  let to = at;
  if (value < 64) {
    buffer[to] = value * 2;
    return to + 1;
  }
  // Beyond 31 bits, use doubles, in groups of seven bits. The first byte holds six bits of the
  // number, as zigzag doubles it.
  let rest = value;
  if (value >= 0x4000_0000) {
    buffer[to++] = ((rest % 64) * 2) | 0x80;
    rest = Math.floor(rest / 64);
    while (rest >= 0x8000_0000) {
      buffer[to++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
  } else {
    buffer[to++] = ((rest & 63) << 1) | 0x80;
    rest >>>= 6;
  }
  for (; rest >= 128; rest >>>= 7) buffer[to++] = (rest & 127) | 0x80;
  buffer[to] = rest;
  return to + 1;
}

/** Text or bytes, preceded by their length. */
export function avroSized(data: string | Uint8Array): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  const buffer = Buffer.allocUnsafe(AVRO_LONG_BYTES + bytes.length);
  const start = writeAvroLong(buffer, bytes.length, 0);
  buffer.set(bytes, start);
  return buffer.subarray(0, start + bytes.length);
}

/** A single long. */
export function avroLong(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(AVRO_LONG_BYTES);
  return buffer.subarray(0, writeAvroLong(buffer, value, 0));
}

/** A map of strings, in the order of its keys. */
export function avroStringMap(map: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(map);
  if (entries.length === 0) return Buffer.of(0);
  return Buffer.concat([avroLong(entries.length), ...entries.flatMap(([key, value]) => [avroSized(key), avroSized(value)]), avroLong(0)]);
}
