// Reads records from a segment file, a batch at a time. In: a position. Out: checked entries and
// the next position. A fault is returned, not thrown, since only the caller knows its meaning: a
// torn tail for recovery, corruption for all others.
import type { FileHandle } from 'node:fs/promises';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry } from '../log.ts';
import { decodeRecord, peekRecordBytes, RECORD_HEADER_BYTES } from './record.ts';

/** The approximate number of bytes that one batch reads from the file. */
const BATCH_BYTES = 2 ** 20;

/** Where to read, and the values that the reader expects there. */
export interface ReadPlace {
  readonly handle: FileHandle;
  readonly path: string;
  /** Byte position of a record's beginning. */
  readonly position: number;
  /** Byte position where the records end. */
  readonly limit: number;
  /** The record's offset. */
  readonly offset: number;
  readonly checksumSeed: number;
}

/** Whole, contiguous entries, and the fault if the bytes after them are not a record. */
interface RecordBatch {
  readonly entries: LogEntry[];
  /** Byte position after the last entry. */
  readonly position: number;
  readonly fault: string | undefined;
}

/** The `size` bytes at `position`. Throws CORRUPT if the file ends before. */
export async function readBytes(place: Pick<ReadPlace, 'handle' | 'path'>, position: number, size: number): Promise<Buffer> {
  // Not from Buffer's pool: values are views, and would keep unrelated bytes alive.
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let filled = 0; filled < size; ) {
    const { bytesRead } = await place.handle.read(bytes, filled, size - filled, position + filled);
    if (bytesRead === 0) throw new HayateError('CORRUPT', `${place.path} ends at ${position + filled}, before its records do`);
    filled += bytesRead;
  }
  return bytes;
}

/** The next batch: at least one entry unless there is a fault or `position` is `limit`. */
export async function readRecords(place: ReadPlace): Promise<RecordBatch> {
  const { position, limit, offset, checksumSeed } = place;
  const available = limit - position;
  let bytes = await readBytes(place, position, Math.min(available, BATCH_BYTES));
  const entries: LogEntry[] = [];
  let at = 0;
  const result = (fault?: string): RecordBatch => ({ entries, position: position + at, fault });
  while (at < available) {
    if (available - at < RECORD_HEADER_BYTES) return result('a record is cut short');
    if (bytes.length - at < RECORD_HEADER_BYTES) break;
    const size = peekRecordBytes(bytes, at);
    if (size === undefined) return result('a record has an impossible length');
    if (size > available - at) return result('a record is cut short');
    if (at + size > bytes.length) {
      if (at > 0) break;
      bytes = await readBytes(place, position, size);
    }
    const entry = decodeRecord(bytes, at, size, checksumSeed);
    if (entry === undefined) return result('a checksum does not match');
    if (entry.offset !== offset + entries.length) return result(`offset ${entry.offset} where ${offset + entries.length} belongs`);
    entries.push(entry);
    at += size;
  }
  return result();
}
