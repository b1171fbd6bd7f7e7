// One entry as bytes in a segment file, both ways (spec/log-file.md). Pure. Whatever bytes come in, decoding gives a whole
// entry whose checksum matches, or nothing.
//
//   u32 length | u32 checksum | u64 offset | u64 append time ms | u16 key bytes | key | value        (little-endian)
//
// `length` counts what follows the checksum, which covers the same: zlib's CRC-32, started from the log's own seed, so that
// bytes inside a broadcaster's value cannot be made to look like a record of this log.
import { crc32 } from 'node:zlib';
import type { LogEntry } from '../log.ts';

/** Bytes before the key. */
export const RECORD_HEADER_BYTES = 26;
/** The checksum covers what follows the first so many bytes. */
const CHECKED_FROM = 8;
/** Key and value of one entry, bytes: what is longer is a mistake of the caller's. */
export const ENTRY_BYTES_MAX = 16 * 2 ** 20;
/** Longest key in bytes of UTF-8. */
export const KEY_BYTES_MAX = 0xffff;

/** Size of a record in its file, bytes. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  return RECORD_HEADER_BYTES + keyBytes + valueBytes;
}

/** The record without its value, which follows it in the file. `offset` and `appendTimeMs` are safe integers. */
export function encodeRecordHead(offset: number, appendTimeMs: number, key: Uint8Array, value: Uint8Array, seed: number): Buffer {
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES + key.length);
  head.writeUInt32LE(head.length - CHECKED_FROM + value.length, 0);
  head.writeBigUInt64LE(BigInt(offset), 8);
  head.writeBigUInt64LE(BigInt(appendTimeMs), 16);
  head.writeUInt16LE(key.length, 24);
  head.set(key, RECORD_HEADER_BYTES);
  const headChecksum = crc32(head.subarray(CHECKED_FROM), seed);
  // Before Node 26 crc32 forgets its initial value over some empty arrays.
  head.writeUInt32LE(value.length === 0 ? headChecksum : crc32(value, headChecksum), 4);
  return head;
}

/** Size of the record that begins at `at`, as its length field says; undefined if no record has that length. */
export function peekRecordBytes(bytes: Buffer, at: number): number | undefined {
  const size = bytes.readUInt32LE(at) + CHECKED_FROM;
  return size < RECORD_HEADER_BYTES || size > RECORD_HEADER_BYTES + ENTRY_BYTES_MAX ? undefined : size;
}

/** The record's offset as written, unchecked; NaN if no entry has it. */
export function peekOffset(bytes: Buffer, at: number): number {
  const offset = Number(bytes.readBigUInt64LE(at + 8));
  return Number.isSafeInteger(offset) ? offset : Number.NaN;
}

/** The entry of the `size` bytes at `at`, which must be there; undefined if the checksum or a field is wrong. The value is a view of `bytes`. */
export function decodeRecord(bytes: Buffer, at: number, size: number, seed: number): LogEntry | undefined {
  const end = at + size;
  if (crc32(bytes.subarray(at + CHECKED_FROM, end), seed) !== bytes.readUInt32LE(at + 4)) return undefined;
  const keyEnd = at + RECORD_HEADER_BYTES + bytes.readUInt16LE(at + 24);
  const offset = peekOffset(bytes, at);
  const appendTimeMs = Number(bytes.readBigUInt64LE(at + 16));
  if (keyEnd > end || Number.isNaN(offset) || !Number.isSafeInteger(appendTimeMs)) return undefined;
  return { offset, appendTimeMs, key: bytes.toString('utf8', at + RECORD_HEADER_BYTES, keyEnd), value: bytes.subarray(keyEnd, end) };
}
