// Ogg's page checksum (RFC 3533 section 6): CRC-32 of polynomial 0x04c11db7, most significant bit
// first, from 0, not inverted. zlib's native crc32 has the same polynomial, but least significant
// bit first, and inverted before and after. So this code reverses the bits, four bytes at a time,
// and zlib computes the rest. It is twice as fast as the best tables in JavaScript.
import { crc32 } from 'node:zlib';

/** Bytes of the longest page: header, 255 lacing values, 255 segments of 255 bytes. */
const PAGE_BYTES_MAX = 27 + 255 + 255 * 255;

/** The position of a page's checksum, which counts as zeros. */
const CHECKSUM_AT = 22;

const words = new Uint32Array(Math.ceil(PAGE_BYTES_MAX / 4));
const bytesOfWords = new Uint8Array(words.buffer);

/** The checksum of the page in `bytes` from `start` to before `end`; unsigned 32 bits. */
export function oggPageCrc(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const length = end - start;
  if (length > PAGE_BYTES_MAX) throw new RangeError(`a page of ${length} bytes`);
  bytesOfWords.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  bytesOfWords.fill(0, CHECKSUM_AT, CHECKSUM_AT + 4);
  const count = (length + 3) >>> 2;
  for (let i = 0; i < count; i++) words[i] = reverseBitsOfBytes(words[i] ?? 0);
  // Inverting its start and its end cancels zlib's own inversions.
  return reverseBits(~crc32(bytesOfWords.subarray(0, length), 0xffff_ffff));
}

/** Reverses the bits within each of the four bytes. */
function reverseBitsOfBytes(value: number): number {
  let word = ((value >>> 1) & 0x55555555) | ((value & 0x55555555) << 1);
  word = ((word >>> 2) & 0x33333333) | ((word & 0x33333333) << 2);
  return ((word >>> 4) & 0x0f0f0f0f) | ((word & 0x0f0f0f0f) << 4);
}

/** Reverses all 32 bits. */
function reverseBits(value: number): number {
  const word = reverseBitsOfBytes(value);
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;
}
