// Encodes and decodes one entry of a segment file (spec/log-file.md). Pure. For any input bytes,
// decoding gives a whole entry with a matching checksum, or nothing.
//
//   u32 length | u32 checksum | u64 offset | u48 append time ms | u16 place in its group |
//   u16 key bytes | key | value (little-endian)
//
// A group is the entries that were written and synced together. The place of its first is 0.
// `length` counts the bytes after the checksum, and the checksum covers the same bytes. It is
// zlib's CRC-32, started from the log's own seed, so that no broadcaster can craft a value whose
// bytes look like a record of this log.
import { crc32 } from 'node:zlib';
import type { LogEntry } from '../log.ts';

/** Bytes before the key. */
export const RECORD_HEADER_BYTES = 26;
/** The checksum covers the bytes from here on. */
const CHECKED_FROM = 8;
/** The most bytes of one entry's key and value. A longer entry is a mistake of the caller. */
export const ENTRY_BYTES_MAX = 16 * 2 ** 20;
/** Longest key in bytes of UTF-8. */
export const KEY_BYTES_MAX = 0xffff;

/** Size of a record in its file, bytes. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  return RECORD_HEADER_BYTES + keyBytes + valueBytes;
}

/** The fields of a record before its key. */
interface RecordPlace {
  readonly offset: number;
  readonly appendTimeMs: number;
  /** The number of entries before it in its group; 0 to 65,535. */
  readonly placeInGroup: number;
}

/**
 * Encodes a record without its value, which follows it in the file. Offset and time are safe
 * integers, the time below 2^48.
 */
export function encodeRecordHead(place: RecordPlace, key: Uint8Array, value: Uint8Array, seed: number): Buffer {
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES + key.length);
  head.writeUInt32LE(head.length - CHECKED_FROM + value.length, 0);
  head.writeBigUInt64LE(BigInt(place.offset), 8);
  head.writeUIntLE(place.appendTimeMs, 16, 6);
  head.writeUInt16LE(place.placeInGroup, 22);
  head.writeUInt16LE(key.length, 24);
  head.set(key, RECORD_HEADER_BYTES);
  const headChecksum = crc32(head.subarray(CHECKED_FROM), seed);
  // Before Node 26, crc32 ignores its initial value for some empty arrays.
  head.writeUInt32LE(value.length === 0 ? headChecksum : crc32(value, headChecksum), 4);
  return head;
}

/**
 * The size of the record that begins at `at`, from its length field; undefined if no record has
 * that length.
 */
export function peekRecordBytes(bytes: Buffer, at: number): number | undefined {
  const size = bytes.readUInt32LE(at) + CHECKED_FROM;
  return size < RECORD_HEADER_BYTES || size > RECORD_HEADER_BYTES + ENTRY_BYTES_MAX ? undefined : size;
}

/** The record's offset as written, unchecked; NaN if no entry can have it. */
export function peekOffset(bytes: Buffer, at: number): number {
  const offset = Number(bytes.readBigUInt64LE(at + 8));
  return Number.isSafeInteger(offset) ? offset : Number.NaN;
}

/**
 * The offset of the first entry in the record's group as written, unchecked. All entries before it
 * were durable before this group was written.
 */
export function peekGroupOffset(bytes: Buffer, at: number): number {
  return peekOffset(bytes, at) - bytes.readUInt16LE(at + 22);
}

/**
 * Decodes the entry of the `size` bytes at `at`, which must lie within `bytes`. Undefined if the
 * checksum or a field is wrong. The value is a view of `bytes`.
 */
export function decodeRecord(bytes: Buffer, at: number, size: number, seed: number): LogEntry | undefined {
  const end = at + size;
  if (crc32(bytes.subarray(at + CHECKED_FROM, end), seed) !== bytes.readUInt32LE(at + 4)) return undefined;
  const keyEnd = at + RECORD_HEADER_BYTES + bytes.readUInt16LE(at + 24);
  const offset = peekOffset(bytes, at);
  const appendTimeMs = bytes.readUIntLE(at + 16, 6);
  if (keyEnd > end || Number.isNaN(offset)) return undefined;
  return { offset, appendTimeMs, key: bytes.toString('utf8', at + RECORD_HEADER_BYTES, keyEnd), value: bytes.subarray(keyEnd, end) };
}
