// Ogg's page checksum (RFC 3533 section 6): CRC-32 of polynomial 0x04c11db7, most significant bit first, no inversion.
// Four bytes a step, from four tables.

const tables = makeTables();

function makeTables(): [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
    first[byte] = crc;
  }
  const shift = (table: Uint32Array): Uint32Array => table.map((crc) => (crc << 8) ^ at(first, crc >>> 24));
  const second = shift(first);
  const third = shift(second);
  return [first, second, third, shift(third)];
}

function at(table: Uint32Array | Uint8Array, index: number): number {
  return table[index] ?? 0;
}

/** Continues the checksum `crc` (0 to begin) over `bytes` from `start` to before `end`. Unsigned 32-bit. */
export function oggCrc(bytes: Uint8Array, start = 0, end = bytes.length, crc = 0): number {
  const [t0, t1, t2, t3] = tables;
  let value = crc;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    value ^= (at(bytes, i) << 24) | (at(bytes, i + 1) << 16) | (at(bytes, i + 2) << 8) | at(bytes, i + 3);
    value = at(t3, value >>> 24) ^ at(t2, (value >>> 16) & 255) ^ at(t1, (value >>> 8) & 255) ^ at(t0, value & 255);
  }
  for (; i < end; i++) value = (value << 8) ^ at(t0, (value >>> 24) ^ at(bytes, i));
  return value >>> 0;
}
