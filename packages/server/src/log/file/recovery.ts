// Recovers a partition after a crash. In: its files. Out: its durable extent. A group that was
// being written when the process or the power failed is cut from the end. Any other damage stops
// the log, since it would mean lost entries. A process that was killed may have written whole
// entries and not synced them, so everything that was found is synced before it counts as durable.
import { open, truncate, unlink } from 'node:fs/promises';
import { syncDirectory } from '../../kernel/durable-file.ts';
import { HayateError } from '../../kernel/error.ts';
import {
  decodeRecord,
  ENTRY_BYTES_MAX,
  KEY_BYTES_MAX,
  peekGroupOffset,
  peekOffset,
  peekRecordBytes,
  RECORD_HEADER_BYTES,
} from './record.ts';
import { type Extent, listSegments, type Segment } from './segment.ts';
import { type ReadPlace, readBytes, readRecords } from './segment-reader.ts';

/** The most bytes of records written together, unless a single record is larger. */
export const GROUP_BYTES_MAX = 8 * 2 ** 20;
/** No interrupted write leaves more bytes than this. */
const TORN_BYTES_MAX = Math.max(GROUP_BYTES_MAX, RECORD_HEADER_BYTES + KEY_BYTES_MAX + ENTRY_BYTES_MAX);

/** Called with the part that was cut from a file. */
type OnCut = (cut: { file: string; position: number; bytes: number; fault: string }) => void;

/**
 * Finds the durable extent in `directory` and cuts a torn tail. Throws CORRUPT, with file and byte
 * position, if entries are damaged or missing.
 */
export async function recoverExtent(directory: string, checksumSeed: number, onCut: OnCut): Promise<Extent> {
  const segments = await listSegments(directory);
  const tail = segments.at(-1);
  if (tail === undefined) throw new HayateError('CORRUPT', `${directory} has no segment files, although the log was created with them`);
  const scan = await scanSegment(tail, checksumSeed);
  if (scan.fault !== undefined) {
    await refuseUnlessTorn(tail, scan, checksumSeed);
    await truncate(tail.path, scan.position);
    onCut({ file: tail.path, position: scan.position, bytes: tail.bytes - scan.position, fault: scan.fault });
    tail.bytes = scan.position;
  }
  // Older files were synced before the newest one was begun.
  await syncFile(tail.path);
  await syncDirectory(directory);
  const previous = segments.at(-2);
  if (tail.bytes > 0 || previous === undefined) return { directory, checksumSeed, segments, ...scan.end };
  // This file was created just before the crash. Its predecessor, which has the last append time,
  // replaces it.
  const before = await scanSegment(previous, checksumSeed);
  if (before.fault !== undefined) throw corrupt(previous, before.position, before.fault);
  if (before.end.nextOffset !== tail.firstOffset)
    throw corrupt(
      previous,
      before.position,
      `ends with offset ${before.end.nextOffset}, but the next file begins with ${tail.firstOffset}`,
    );
  await unlink(tail.path);
  await syncDirectory(directory);
  segments.pop();
  return { directory, checksumSeed, segments, ...before.end };
}

interface Scan {
  readonly position: number;
  readonly fault: string | undefined;
  readonly end: { readonly nextOffset: number; readonly lastAppendTimeMs: number };
}

/** Reads all records of a segment, up to the first fault. */
async function scanSegment(segment: Segment, checksumSeed: number): Promise<Scan> {
  const handle = await open(segment.path, 'r');
  try {
    let offset = segment.firstOffset;
    let lastAppendTimeMs = 0;
    let position = 0;
    let fault: string | undefined;
    while (position < segment.bytes && fault === undefined) {
      const batch = await readRecords({ handle, path: segment.path, position, limit: segment.bytes, offset, checksumSeed });
      offset += batch.entries.length;
      lastAppendTimeMs = batch.entries.at(-1)?.appendTimeMs ?? lastAppendTimeMs;
      ({ position, fault } = batch);
    }
    return { position, fault, end: { nextOffset: offset, lastAppendTimeMs } };
  } finally {
    await handle.close();
  }
}

/**
 * A fault at the end is a torn write only if it is no longer than one write, and every record of
 * this log in it belongs to the group that holds the next offset: a power cut may keep the end of a
 * group and lose its beginning. A record of a later group proves that the lost ones were durable.
 */
async function refuseUnlessTorn(segment: Segment, scan: Scan, checksumSeed: number): Promise<void> {
  const size = segment.bytes - scan.position;
  if (size > TORN_BYTES_MAX) throw corrupt(segment, scan.position, `${scan.fault}, and ${size} bytes follow`);
  const handle = await open(segment.path, 'r');
  try {
    const place: Pick<ReadPlace, 'handle' | 'path'> = { handle, path: segment.path };
    const bytes = await readBytes(place, scan.position, size);
    const found = findLaterGroup(bytes, scan.end.nextOffset, checksumSeed);
    if (found !== undefined)
      throw corrupt(segment, scan.position, `${scan.fault}, but offset ${found.offset} is sound at ${scan.position + found.at}`);
  } finally {
    await handle.close();
  }
}

/**
 * The first whole record anywhere in `bytes`, which follow the last sound record, that cannot be of
 * the group being written. `expected` is the next offset.
 */
function findLaterGroup(bytes: Buffer, expected: number, checksumSeed: number): { at: number; offset: number } | undefined {
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; at++) {
    const size = peekRecordBytes(bytes, at);
    if (size === undefined || at + size > bytes.length) continue;
    const offset = peekOffset(bytes, at);
    // A sound record at position 0 has the wrong offset; no torn write causes that. At later
    // positions, this check rejects most bytes without a checksum.
    const isSameGroup = offset > expected && peekGroupOffset(bytes, at) <= expected;
    const plausible = at === 0 || (offset >= expected && offset <= expected + bytes.length && !isSameGroup);
    if (plausible && decodeRecord(bytes, at, size, checksumSeed) !== undefined) return { at, offset };
  }
  return undefined;
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function corrupt(segment: Segment, position: number, fault: string): HayateError {
  return new HayateError('CORRUPT', `${segment.path} at byte ${position}: ${fault}. The log stops here, so that no loss is overlooked.`);
}
