// The files of one partition and how far they are durable. A segment file is nothing but records, one after another; its
// name is the first one's offset. The writer moves an extent's end, retention its beginning, readers stay within.
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** One segment file. */
export interface Segment {
  readonly firstOffset: number;
  readonly path: string;
  /** Durable bytes: readers go no further, and whatever the file holds beyond is garbage. */
  bytes: number;
  /** Unix ms of the last write, for retention. */
  lastWriteMs: number;
}

/** What of a partition is durable. */
export interface Extent {
  readonly directory: string;
  readonly checksumSeed: number;
  /** Never empty, in order, without holes; the last is the one written to. */
  readonly segments: Segment[];
  /** The next entry's offset: every entry before it is durable. */
  nextOffset: number;
  /** Of the newest entry; 0 in an empty log. */
  lastAppendTimeMs: number;
}

const NAME = /^(\d{20})\.log$/;

/** `<directory>/<first offset, 20 digits>.log` */
export function segmentPath(directory: string, firstOffset: number): string {
  return join(directory, `${String(firstOffset).padStart(20, '0')}.log`);
}

/** The segment files in `directory` by offset, each as long as its file is. Removes what an interrupted replace left behind. */
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

/** The segment that holds `offset`, or would; undefined if that is not kept any more. */
export function findSegment(segments: readonly Segment[], offset: number): Segment | undefined {
  return segments.findLast((segment) => segment.firstOffset <= offset);
}
