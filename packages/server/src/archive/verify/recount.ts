// Statistics counted again from the rows of frames and marks, without the archiver's own counter: rows in, what differs out.
// What frames and marks do not tell (duplicates, viewers, labels of batches without frames) is only checked to be possible.
import { fromBinary } from '@bufbuild/protobuf';
import type { RangeSet } from '@hayate/protocol';
import { Kind, StreamHeaderSchema } from '@hayate/protocol';
import { broadcastKey } from '../erasure-record.ts';
import type { FrameRow } from '../frame-row.ts';
import type { EpochState } from '../manifest.ts';
import type { MarkRow } from '../mark-row.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import type { Report } from './finding.ts';
import { rangeSet } from './sequence-check.ts';
import { readVoice, type VoiceCounts } from './voice-check.ts';

const KIND_NAMES: Readonly<Record<number, string>> = {
  [Kind.HEADER]: 'header',
  [Kind.AUDIO]: 'audio',
  [Kind.MOTION]: 'motion',
  [Kind.EVENT]: 'event',
  [Kind.GAME]: 'game',
};
const ALL_KINDS = ['header', 'audio', 'motion', 'event', 'game', 'other'];
const SLOT_US = 250_000;

/** One broadcast in one cut. */
export interface BroadcastInCut {
  /** In log order. */
  frames: readonly FrameRow[];
  marks: readonly MarkRow[];
  /** In window order. */
  rows: readonly { key: string; row: StatisticsRow }[];
  before: EpochState | undefined;
  /** Undefined if the voice could not be checked. */
  voice: VoiceCounts | undefined;
}

/** Checks a broadcast's statistics of one cut. */
export function checkStatistics({ frames, marks, rows, before, voice }: BroadcastInCut, report: Report): void {
  const seen = rangeSet(before?.seen);
  const dropped = rangeSet(before?.dropped);
  let next = (seen.ranges.at(-1)?.last ?? -1) + 1;
  let header: { sequence: number; title: string; originUnixUs: number } | undefined = before?.header;
  let at = 0;
  let markAt = 0;
  for (const { key, row } of rows) {
    const count = new Map<string, number | string | undefined>();
    const add = (name: string, value: number) => count.set(name, Number(count.get(name) ?? 0) + value);
    for (const kind of ALL_KINDS) for (const what of ['frames', 'bytes']) count.set(`${kind}_${what}`, 0);
    for (const name of [
      'gap_frames',
      'late_frames',
      'audio_packets',
      'level_frames',
      'delay_frames',
      'unreadable_payloads',
      'dropped_frames',
    ])
      count.set(name, 0);
    const sequences: number[] = [];
    const captures: number[] = [];
    const levels: number[] = [];
    const slots = new Map<number, number>();
    const delays: number[] = [];
    let samples = 0;
    for (let frame = frames[at]; frame !== undefined && frame.offset <= row.last_offset; frame = frames[++at]) {
      if (frame.offset < row.first_offset || frame.append_time < row.first_append_time || frame.append_time > row.last_append_time)
        report({ rule: 'statistics', key, expected: `a row that counts offset ${frame.offset} of ${broadcastKey(row)}`, found: 'none' });
      const kind = KIND_NAMES[frame.kind] ?? 'other';
      add(`${kind}_frames`, 1);
      add(`${kind}_bytes`, frame.frame.length);
      sequences.push(frame.sequence);
      captures.push(frame.capture_us);
      if (frame.sequence >= next) add('gap_frames', frame.sequence - next);
      else add('late_frames', 1);
      next = Math.max(next, frame.sequence + 1);
      if (frame.kind === Kind.HEADER) {
        const read = readHeader(frame);
        if (read === undefined) add('unreadable_payloads', 1);
        else if (header === undefined || header.sequence <= frame.sequence) header = read;
      }
      if (frame.kind === Kind.AUDIO) {
        const heard = readVoice(frame);
        if (heard === undefined) add('unreadable_payloads', 1);
        else {
          add('audio_packets', heard.packets.length);
          samples += heard.samples;
          if (heard.level !== undefined) {
            levels.push(heard.level);
            const slot = Math.floor(frame.capture_us / SLOT_US);
            slots.set(slot, Math.min(slots.get(slot) ?? 127, heard.level));
          }
        }
      }
      if (header !== undefined && header.originUnixUs > 0) delays.push(frame.received_time - header.originUnixUs - frame.capture_us);
    }
    for (let mark = marks[markAt]; mark !== undefined && mark.offset <= row.last_offset; mark = marks[++markAt])
      if (mark.mark === 'DROPPED') add('dropped_frames', newlyDropped(dropped, mark));
    count.set('first_sequence', least(sequences));
    count.set('last_sequence', most(sequences));
    count.set('first_capture_us', least(captures));
    count.set('last_capture_us', most(captures));
    count.set('audio_duration_ms', samples / 48);
    count.set('level_frames', levels.length);
    count.set('level_mean_dbov', levels.length === 0 ? undefined : -sum(levels) / levels.length);
    count.set('level_peak_dbov', negative(least(levels)));
    count.set('levels', runs(slots));
    count.set('delay_frames', delays.length);
    count.set('delay_min_ms', thousandth(least(delays)));
    count.set('delay_mean_ms', delays.length === 0 ? undefined : sum(delays) / delays.length / 1000);
    count.set('delay_max_ms', thousandth(most(delays)));
    count.set('title', header?.title ?? '');
    compare(row, key, count, report);
  }
  if (at < frames.length || markAt < marks.length) {
    const [frame, mark] = [frames[at], marks[markAt]];
    const { stream, epoch, offset } = frame ?? mark ?? { stream: '', epoch: '', offset: 0 };
    report({
      rule: 'statistics',
      key: rows.at(-1)?.key ?? `${stream}/${epoch}`,
      expected: `a row for offset ${offset} of ${stream}/${epoch}`,
      found: 'none',
    });
  }
  if (voice === undefined) return;
  for (const [name, expected] of [
    ['audio_late_frames', voice.late],
    ['audio_displaced_frames', voice.displaced],
  ] as const) {
    const found = sum(rows.map(({ row }) => row[name]));
    if (found !== expected)
      report({ rule: 'statistics', key: rows.at(-1)?.key ?? '', expected: `${name} ${expected} in the cut`, found: `${found}` });
  }
}

function compare(row: StatisticsRow, key: string, count: ReadonlyMap<string, number | string | undefined>, report: Report): void {
  const values: Readonly<Record<string, unknown>> = { ...row };
  for (const [name, expected] of count) {
    const found = values[name];
    const same =
      typeof expected === 'number' && typeof found === 'number'
        ? Math.abs(found - expected) <= 1e-9 * Math.abs(expected)
        : found === expected;
    if (!same)
      report({
        rule: 'statistics',
        key,
        expected: `${name} ${expected} for ${broadcastKey(row)} at offset ${row.first_offset}`,
        found: `${found}`,
      });
  }
  const possible =
    row.duplicate_frames >= 0 &&
    row.viewers_max >= 0 &&
    row.first_append_time <= row.last_append_time &&
    row.first_offset <= row.last_offset;
  if (!possible) report({ rule: 'statistics', key, expected: 'counts from 0, times and offsets in order', found: JSON.stringify(row) });
}

function readHeader(frame: FrameRow): { sequence: number; title: string; originUnixUs: number } | undefined {
  try {
    const payload = frame.frame.subarray(frame.payload_offset, frame.payload_offset + frame.payload_length);
    const { title, originUnixUs } = fromBinary(StreamHeaderSchema, payload);
    return { sequence: frame.sequence, title, originUnixUs: Number(originUnixUs) };
  } catch {
    return undefined;
  }
}

function newlyDropped(dropped: RangeSet, { first_sequence: first, next_sequence: next }: MarkRow): number {
  const size = dropped.size;
  dropped.add(first, next - 1);
  return dropped.size - size;
}

/** The slots as runs without a gap, as spec/archive.md says. */
function runs(slots: ReadonlyMap<number, number>): string {
  const all: [number, string][] = [];
  for (const slot of [...slots.keys()].sort((a, b) => a - b)) {
    const hex = (slots.get(slot) ?? 0).toString(16).padStart(2, '0');
    const last = all.at(-1);
    if (last !== undefined && slots.has(slot - 1)) last[1] += hex;
    else all.push([slot, hex]);
  }
  return JSON.stringify(all);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b));
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 0 - value;
}

function thousandth(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value / 1000;
}
