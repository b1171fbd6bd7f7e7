// Describes one broadcast in full, from the statistics: its windows in log order, and the loudness
// of its voice. A window gives the range of its capture times and sequences, so that any moment is
// found without reading frames, even if its frames were late.

import type { Store } from '../../store/store.ts';
import type { BroadcastName } from '../layout/broadcast-name.ts';
import { HOUR_MS, hourOf } from '../layout/hour.ts';
import type { PartitionName } from '../layout/path.ts';
import type { LevelRun } from '../row/level-runs.ts';
import { BROADCAST_HOURS_MAX, type BroadcastIndex, type PastBroadcast } from './broadcast-index.ts';
import { type BroadcastLevels, joinLevels } from './broadcast-levels.ts';
import { type StatisticsGroup, scanStatistics } from './broadcast-summary.ts';

/** A window in which the log has batches of the broadcast, and a frames object has its rows. */
export interface BroadcastWindow extends PartitionName {
  /** Unix milliseconds, of append time. */
  startMs: number;
  lengthMs: number;
  /** Log offsets of its first and last batch. */
  firstOffset: number;
  lastOffset: number;
  /** Sequences and capture times; undefined without frames. */
  sequences: { first: number; last: number } | undefined;
  captureUs: { first: number; last: number } | undefined;
  headerFrames: number;
}

/** All facts that the statistics hold about a broadcast's course. */
export interface BroadcastRecord {
  broadcast: PastBroadcast;
  /** In log order. */
  windows: BroadcastWindow[];
  levels: BroadcastLevels;
}

/** Maximum number of slots of a record's levels. */
const SLOTS_MAX = 16_384;

/** Reads a broadcast's record; undefined if there is none. Throws CORRUPT. */
export async function readRecord(store: Store, index: BroadcastIndex, name: BroadcastName): Promise<BroadcastRecord | undefined> {
  const broadcast = await index.find(name);
  if (broadcast === undefined) return undefined;
  const windows: BroadcastWindow[] = [];
  const levels: (readonly LevelRun[])[] = [];
  const firstMs = hourOf(broadcast.startedMs);
  const lastMs = Math.min(hourOf(broadcast.lastAppendMs), firstMs + BROADCAST_HOURS_MAX * HOUR_MS);
  for (let hourMs = firstMs; hourMs <= lastMs; hourMs += HOUR_MS)
    for (const { key } of await index.objectsWith(name, hourMs))
      for await (const group of scanStatistics(store, key)) await addRows(group, name, windows, levels);
  windows.sort((a, b) => a.startMs - b.startMs || a.firstOffset - b.firstOffset);
  return { broadcast, windows, levels: joinLevels(levels, { durationMs: broadcast.durationMs, slotsMax: SLOTS_MAX }) };
}

async function addRows(
  group: StatisticsGroup,
  name: BroadcastName,
  windows: BroadcastWindow[],
  levels: (readonly LevelRun[])[],
): Promise<void> {
  const [streams, epochs] = [await group.column('stream'), await group.column('epoch')];
  const rows = streams.flatMap((stream, row) => (stream === name.stream && epochs[row] === name.epoch ? [row] : []));
  if (rows.length === 0) return;
  const [logs, partitions] = [await group.column('log'), await group.column('partition')];
  const [starts, lengths] = [await group.column('window_start'), await group.column('window_ms')];
  const [firstOffsets, lastOffsets] = [await group.column('first_offset'), await group.column('last_offset')];
  const [firstSequences, lastSequences] = [await group.column('first_sequence'), await group.column('last_sequence')];
  const [firstCaptures, lastCaptures] = [await group.column('first_capture_us'), await group.column('last_capture_us')];
  const [headers, runs] = [await group.column('header_frames'), await group.column('levels')];
  for (const row of rows) {
    windows.push({
      log: logs[row] ?? '',
      partition: partitions[row] ?? 0,
      startMs: starts[row] ?? 0,
      lengthMs: lengths[row] ?? 0,
      firstOffset: firstOffsets[row] ?? 0,
      lastOffset: lastOffsets[row] ?? 0,
      sequences: rangeOf(firstSequences[row], lastSequences[row]),
      captureUs: rangeOf(firstCaptures[row], lastCaptures[row]),
      headerFrames: headers[row] ?? 0,
    });
    levels.push(runs[row] as readonly LevelRun[]);
  }
}

function rangeOf(first: number | undefined, last: number | undefined): { first: number; last: number } | undefined {
  return first === undefined || last === undefined ? undefined : { first, last };
}
