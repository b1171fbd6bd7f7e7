// Counts the statistics again from the rows of frames and marks, without the archiver's own
// counter, and reports the differences. Values that frames and marks do not show (duplicates,
// viewers, labels of batches without frames) are only checked to be possible.

import { isDeepStrictEqual } from 'node:util';
import { Kind, type RangeSet } from '@hayate/protocol';
import { broadcastKey } from '../layout/broadcast-name.ts';
import type { HeaderState } from '../layout/manifest.ts';
import type { FrameRow } from '../row/frame-row.ts';
import type { MarkRow } from '../row/mark-row.ts';
import type { StatisticsRow } from '../row/statistics-row.ts';
import { type BroadcastContent, type HeardFrame, laterHeader, readHeader } from './broadcast-content.ts';
import type { Report } from './finding.ts';
import { rangeSet } from './sequence-check.ts';
import type { VoiceCounts } from './voice-check.ts';

const KIND_NAMES: Readonly<Record<number, string>> = {
  [Kind.HEADER]: 'header',
  [Kind.AUDIO]: 'audio',
  [Kind.MOTION]: 'motion',
  [Kind.EVENT]: 'event',
  [Kind.GAME]: 'game',
};
const ALL_KINDS = ['header', 'audio', 'motion', 'event', 'game', 'other'];
const SLOT_US = 250_000;

type Counts = Map<string, number | string | undefined>;

/** The facts from before a window that its row depends on. */
interface Memory {
  /** The sequence after the highest one. */
  next: number;
  header: HeaderState | undefined;
  dropped: RangeSet;
}

/**
 * Checks a broadcast's statistics of one cut; `voice` is undefined if its voice could not be
 * checked.
 */
export function checkStatistics(broadcast: BroadcastContent, voice: VoiceCounts | undefined, report: Report): void {
  const { name, frames, marks, statistics, before } = broadcast;
  const memory = { next: (rangeSet(before?.seen).highest?.last ?? -1) + 1, header: before?.header, dropped: rangeSet(before?.dropped) };
  let [frame, mark] = [0, 0];
  for (const { key, row } of statistics) {
    const [firstFrame, firstMark] = [frame, mark];
    while ((frames[frame]?.offset ?? Infinity) <= row.last_offset) frame++;
    while ((marks[mark]?.offset ?? Infinity) <= row.last_offset) mark++;
    const own = frames.slice(firstFrame, frame);
    const ownMarks = marks.slice(firstMark, mark);
    const expected = recount(own, ownMarks, broadcast.heard, memory);
    for (const [column, found] of Object.entries(row)) {
      if (!expected.has(column) || same(expected.get(column), found)) continue;
      const what = `${column} ${expected.get(column)} for ${broadcastKey(name)} from offset ${row.first_offset} on`;
      report({ rule: 'statistics', key, expected: what, found: `${found}` });
    }
    if (!isPossible(row, own, ownMarks))
      report({ rule: 'statistics', key, expected: 'a row that agrees with its frames and marks', found: JSON.stringify(row) });
  }
  const key = statistics.at(-1)?.key ?? broadcast.manifestKey;
  const left = frames[frame] ?? marks[mark];
  if (left !== undefined)
    report({ rule: 'statistics', key, expected: `a row for offset ${left.offset} of ${broadcastKey(name)}`, found: 'none' });
  if (voice === undefined) return;
  for (const [column, expected] of [
    ['audio_late_frames', voice.late],
    ['audio_displaced_frames', voice.displaced],
  ] as const) {
    const found = sum(statistics.map(({ row }) => row[column]));
    if (found !== expected)
      report({ rule: 'statistics', key, expected: `${column} ${expected} of ${broadcastKey(name)} in the cut`, found: `${found}` });
  }
}

/** Computes the columns that frames and marks determine. Advances `memory`. */
function recount(frames: readonly FrameRow[], marks: readonly MarkRow[], all: ReadonlyMap<FrameRow, HeardFrame>, memory: Memory): Counts {
  const counts: Counts = new Map(ALL_KINDS.flatMap((kind) => [`${kind}_frames`, `${kind}_bytes`]).map((column) => [column, 0]));
  const add = (column: string, value: number) => counts.set(column, Number(counts.get(column) ?? 0) + value);
  const [heard, delays]: [HeardFrame[], number[]] = [[], []];
  let [gaps, late, unreadable] = [0, 0, 0];
  for (const frame of frames) {
    const kind = KIND_NAMES[frame.kind] ?? 'other';
    add(`${kind}_frames`, 1);
    add(`${kind}_bytes`, frame.frame.length);
    if (frame.sequence >= memory.next) gaps += frame.sequence - memory.next;
    else late++;
    memory.next = Math.max(memory.next, frame.sequence + 1);
    const voice = all.get(frame);
    if (voice !== undefined) heard.push(voice);
    else if (frame.kind === Kind.AUDIO || (frame.kind === Kind.HEADER && readHeader(frame) === undefined)) unreadable++;
    memory.header = laterHeader(memory.header, frame);
    const originUs = memory.header?.originUnixUs ?? 0;
    if (originUs > 0) delays.push(frame.received_time - originUs - frame.capture_us);
  }
  let dropped = 0;
  for (const { mark, first_sequence: first, next_sequence: next } of marks) {
    const known = memory.dropped.size;
    if (mark === 'DROPPED') memory.dropped.add(first, next - 1);
    dropped += memory.dropped.size - known;
  }
  const sequences = frames.map(({ sequence }) => sequence);
  const captures = frames.map((frame) => frame.capture_us);
  const levels = heard.flatMap(({ level }) => (level === undefined ? [] : [level]));
  const columns = {
    title: memory.header?.title ?? '',
    first_sequence: least(sequences),
    last_sequence: most(sequences),
    first_capture_us: least(captures),
    last_capture_us: most(captures),
    gap_frames: gaps,
    late_frames: late,
    dropped_frames: dropped,
    unreadable_payloads: unreadable,
    audio_packets: sum(heard.map(({ packets }) => packets.length)),
    audio_duration_ms: sum(heard.map(({ samples }) => samples)) / 48,
    level_frames: levels.length,
    level_mean_dbov: mean(levels, -1),
    level_peak_dbov: scaled(least(levels), -1),
    levels: loudest(heard),
    delay_frames: delays.length,
    delay_min_ms: scaled(least(delays), 0.001),
    delay_mean_ms: mean(delays, 0.001),
    delay_max_ms: scaled(most(delays), 0.001),
  };
  for (const [column, value] of Object.entries(columns)) counts.set(column, value);
  return counts;
}

/** Whether the columns that cannot be counted again are possible for these frames and marks. */
function isPossible(row: StatisticsRow, frames: readonly FrameRow[], marks: readonly MarkRow[]): boolean {
  const last = frames.at(-1);
  const counts = [row.duplicate_frames, row.viewers_max, row.audio_late_frames, row.audio_displaced_frames];
  return (
    counts.every((count) => count >= 0) &&
    row.first_offset <= row.last_offset &&
    [...frames, ...marks].every(
      ({ offset, append_time: at }) => offset >= row.first_offset && at >= row.first_append_time && at <= row.last_append_time,
    ) &&
    (last === undefined || last.offset < row.last_offset || isDeepStrictEqual(JSON.parse(row.labels), last.labels))
  );
}

/**
 * The loudest level of each slot of capture time, as runs without a gap: `levels` in
 * spec/archive.md.
 */
function loudest(heard: readonly HeardFrame[]): string {
  const slots = new Map<number, number>();
  for (const { row, level } of heard) {
    const slot = Math.floor(row.capture_us / SLOT_US);
    if (level !== undefined) slots.set(slot, Math.min(slots.get(slot) ?? 127, level));
  }
  const runs: [number, string][] = [];
  for (const slot of [...slots.keys()].sort((a, b) => a - b)) {
    const hex = (slots.get(slot) ?? 0).toString(16).padStart(2, '0');
    const last = runs.at(-1);
    if (last !== undefined && slots.has(slot - 1)) last[1] += hex;
    else runs.push([slot, hex]);
  }
  return JSON.stringify(runs);
}

/** Compares values; means may differ in their last digit. */
function same(expected: number | string | undefined, found: unknown): boolean {
  if (typeof expected !== 'number' || typeof found !== 'number') return expected === found;
  return Math.abs(found - expected) <= 1e-9 * Math.abs(expected);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[], factor: number): number | undefined {
  return values.length === 0 ? undefined : (sum(values) / values.length) * factor;
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b));
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
