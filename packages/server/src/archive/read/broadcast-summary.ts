// Sums up the rows of a statistics object by broadcast: a few numbers for each, however many rows
// there are. Summaries of objects add up to summaries of hours and of whole broadcasts.
import { ParquetError, type RowGroup, scanParquet } from '../../format/parquet/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { type BroadcastName, broadcastKey } from '../layout/broadcast-name.ts';
import { STATISTICS_TABLE } from '../row/statistics-row.ts';

/** A broadcast, as far as the summed rows describe it. Times are Unix milliseconds. */
export interface BroadcastSummary extends BroadcastName {
  /** The latest title. */
  title: string;
  firstAppendMs: number;
  lastAppendMs: number;
  /** Latest capture time, microseconds since the epoch began; 0 without frames. */
  lastCaptureUs: number;
  frames: number;
  /** Bytes of the encoded frames. */
  bytes: number;
  audioFrames: number;
  motionFrames: number;
  viewersMax: number;
  /** The log of its last batch. */
  log: string;
  partition: number;
  lastOffset: number;
}

export type StatisticsGroup = RowGroup<typeof STATISTICS_TABLE>;

/** Yields the row groups of a statistics object; none if it is no longer kept. Throws CORRUPT. */
export async function* scanStatistics(store: Store, key: string): AsyncGenerator<StatisticsGroup, void> {
  const bytes = await store.get(key);
  if (bytes === undefined) return;
  try {
    yield* scanParquet(STATISTICS_TABLE, bytes);
  } catch (cause) {
    if (!(cause instanceof ParquetError)) throw cause;
    throw new HayateError('CORRUPT', `${key} is not a statistics object: ${cause.message}`, { cause });
  }
}

const FRAMES = ['header_frames', 'audio_frames', 'motion_frames', 'event_frames', 'game_frames', 'other_frames'] as const;
const BYTES = ['header_bytes', 'audio_bytes', 'motion_bytes', 'event_bytes', 'game_bytes', 'other_bytes'] as const;

/** Returns the broadcasts of an object, and the number of rows that were read for them. */
export async function summarise(store: Store, key: string): Promise<{ rows: number; broadcasts: BroadcastSummary[] }> {
  const known = new Map<string, BroadcastSummary>();
  let rows = 0;
  for await (const group of scanStatistics(store, key)) {
    rows += group.rows;
    await addGroup(known, group);
  }
  return { rows, broadcasts: [...known.values()] };
}

/** Adds both together; the title and place are those of the later one. */
export function joinSummaries(a: BroadcastSummary, b: BroadcastSummary): BroadcastSummary {
  const later = b.lastAppendMs >= a.lastAppendMs ? b : a;
  const earlier = later === b ? a : b;
  return {
    ...later,
    title: later.title || earlier.title,
    firstAppendMs: Math.min(a.firstAppendMs, b.firstAppendMs),
    lastCaptureUs: Math.max(a.lastCaptureUs, b.lastCaptureUs),
    frames: a.frames + b.frames,
    bytes: a.bytes + b.bytes,
    audioFrames: a.audioFrames + b.audioFrames,
    motionFrames: a.motionFrames + b.motionFrames,
    viewersMax: Math.max(a.viewersMax, b.viewersMax),
  };
}

async function addGroup(known: Map<string, BroadcastSummary>, group: StatisticsGroup): Promise<void> {
  // Column by column: each is decoded, summed up and released.
  const summaries = await openSummaries(known, group);
  const each = async (name: (typeof FRAMES)[number] | (typeof BYTES)[number], add: (summary: BroadcastSummary, value: number) => void) => {
    for (const [row, value] of (await group.column(name)).entries()) add(summaries[row] as BroadcastSummary, value);
  };
  for (const name of FRAMES)
    await each(name, (summary, value) => {
      summary.frames += value;
      if (name === 'audio_frames') summary.audioFrames += value;
      if (name === 'motion_frames') summary.motionFrames += value;
    });
  for (const name of BYTES)
    await each(name, (summary, value) => {
      summary.bytes += value;
    });
}

/**
 * Returns the summary that each row belongs to, with the columns that are not sums already filled
 * in.
 */
async function openSummaries(known: Map<string, BroadcastSummary>, group: StatisticsGroup): Promise<BroadcastSummary[]> {
  const [streams, epochs, titles] = [await group.column('stream'), await group.column('epoch'), await group.column('title')];
  const [firsts, lasts] = [await group.column('first_append_time'), await group.column('last_append_time')];
  const [logs, partitions, offsets] = [await group.column('log'), await group.column('partition'), await group.column('last_offset')];
  const [viewers, captures] = [await group.column('viewers_max'), await group.column('last_capture_us')];
  return streams.map((stream, row) => {
    const epoch = epochs[row] ?? '';
    const summary: BroadcastSummary = {
      stream,
      epoch,
      title: titles[row] ?? '',
      firstAppendMs: firsts[row] ?? 0,
      lastAppendMs: lasts[row] ?? 0,
      lastCaptureUs: captures[row] ?? 0,
      frames: 0,
      bytes: 0,
      audioFrames: 0,
      motionFrames: 0,
      viewersMax: viewers[row] ?? 0,
      log: logs[row] ?? '',
      partition: partitions[row] ?? 0,
      lastOffset: offsets[row] ?? 0,
    };
    const key = broadcastKey({ stream, epoch });
    const before = known.get(key);
    if (before !== undefined) return Object.assign(before, joinSummaries(before, summary));
    known.set(key, summary);
    return summary;
  });
}
