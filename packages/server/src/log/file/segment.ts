// The files of one partition and their durable extent. A segment file is a sequence of records
// without anything else; its name is the offset of its first record. The writer moves the extent's
// end, retention moves its beginning, and readers stay within it.
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** One segment file. */
export interface Segment {
  readonly firstOffset: number;
  readonly path: string;
  /** Durable bytes. Readers stop there; later bytes of the file are garbage. */
  bytes: number;
  /** Unix ms of the last write, for retention. */
  lastWriteMs: number;
}

/** The durable part of a partition. */
export interface Extent {
  readonly directory: string;
  readonly checksumSeed: number;
  /** Never empty, in order, without gaps. Writes go to the last one. */
  readonly segments: Segment[];
  /** The next entry's offset: every entry before it is durable. */
  nextOffset: number;
  /** The append time of the newest entry; 0 in an empty log. */
  lastAppendTimeMs: number;
}

const NAME = /^(\d{20})\.log$/;

/** `<directory>/<first offset, 20 digits>.log` */
export function segmentPath(directory: string, firstOffset: number): string {
  return join(directory, `${String(firstOffset).padStart(20, '0')}.log`);
}

/**
 * The segment files in `directory`, sorted by offset, each with the length of its file. Removes
 * files that an interrupted replace left.
 */
export async function listSegments(directory: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name);
    if (name.endsWith('.tmp')) await unlink(path);
    const firstOffset = Number(NAME.exec(name)?.[1] ?? Number.NaN);
    if (!Number.isSafeInteger(firstOffset)) continue;
    const { size, mtimeMs } = await stat(path);
    segments.push({ firstOffset, path, bytes: size, lastWriteMs: mtimeMs });
  }
  return segments;
}

/** The segment that holds `offset` or would hold it; undefined if that is no longer kept. */
export function findSegment(segments: readonly Segment[], offset: number): Segment | undefined {
  return segments.findLast((segment) => segment.firstOffset <= offset);
}
