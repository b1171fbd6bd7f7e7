// Checks the places of objects and rows. An output's objects must follow one another without gap or
// overlap. Their rows must lie within them, in order, and match their frames. Windows must match
// the cut's configuration and the hours in the keys.

import { epochText } from '@hayate/protocol';
import { broadcastKey } from '../layout/broadcast-name.ts';
import { hourOf } from '../layout/hour.ts';
import type { Manifest } from '../layout/manifest.ts';
import { manifestKey, parseHourlyKey } from '../layout/path.ts';
import type { FrameRow } from '../row/frame-row.ts';
import type { MarkRow } from '../row/mark-row.ts';
import { safeNumber } from '../row/safe-number.ts';
import type { StatisticsRow } from '../row/statistics-row.ts';
import type { BroadcastContent } from './broadcast-content.ts';
import type { CutContent, RowObject } from './cut-content.ts';
import { errorText, type Report } from './finding.ts';
import { DecodeError, decodeFrame } from './frame-decoder.ts';

/**
 * Checks by their names that each output's objects begin where the manifest before says, and end
 * where the manifest after says.
 */
export function checkTiles(before: Manifest, after: Manifest, report: Report): void {
  const names = (after.previous?.objects ?? []).map(({ key }) => ({ key, name: parseHourlyKey(key) }));
  for (const output of ['frames', 'marks', 'statistics'] as const) {
    let next = before.state.covered[output];
    const own = names.flatMap(({ key, name }) => (name?.folder === output ? [{ key, ...name }] : []));
    for (const { key, start, end } of own.sort((a, b) => a.start - b.start)) {
      if (start !== next || end <= start)
        report({ rule: 'offsets', key, expected: `an object from offset ${next} on`, found: `one from ${start} to before ${end}` });
      next = end;
    }
    if (next !== after.state.covered[output] || next > after.start)
      report({
        rule: 'offsets',
        key: manifestKey(after, after.start),
        expected: `${output} up to ${next}`,
        found: `up to ${after.state.covered[output]}`,
      });
  }
}

/**
 * Checks that rows lie in their object, in log order, and that a frame's columns match the frame.
 */
export function checkRows({ key, name, rows }: RowObject<FrameRow | MarkRow>, report: Report): void {
  for (const [i, row] of rows.entries()) {
    const previous = rows[i - 1];
    if (row.offset < name.start || row.offset >= name.end || row.partition !== name.partition || row.log !== name.log)
      report({
        rule: 'offsets',
        key,
        expected: `offsets ${name.start} to before ${name.end} of the partition`,
        found: `a row of offset ${row.offset}`,
      });
    if (previous !== undefined && !follows(previous, row))
      report({ rule: 'offsets', key, expected: 'rows in log order', found: `offset ${row.offset} after ${previous.offset}` });
    const wrong = 'frame' in row ? wrongColumns(row) : '';
    if (wrong !== '' && 'frame' in row)
      report({ rule: 'content', key, expected: `columns of the frame at offset ${row.offset}, ${row.index}`, found: wrong });
  }
}

/** Checks the windows that the statistics name: alignment, order, and the length of the cut. */
export function checkWindows({ before, after, statistics }: CutContent, report: Report): void {
  const { windowMs, windowsPerCut } = before.config;
  const windows = new Map<number, { key: string; first: number; last: number }>();
  for (const { key, name, rows } of statistics)
    for (const row of rows) {
      const at = row.window_start;
      const isPossible =
        row.window_ms === windowMs &&
        at % windowMs === 0 &&
        hourOf(at) === name.hourMs &&
        at >= before.state.windowStartMs &&
        at <= after.state.windowStartMs &&
        row.first_append_time <= row.last_append_time &&
        row.last_append_time < at + windowMs;
      if (!isPossible)
        report({ rule: 'statistics', key, expected: `a window of ${windowMs} ms in this hour and cut`, found: windowText(row) });
      const { first, last } = windows.get(at) ?? { first: row.first_offset, last: row.last_offset };
      windows.set(at, { key, first: Math.min(first, row.first_offset), last: Math.max(last, row.last_offset) });
    }
  const ordered = [...windows].sort(([a], [b]) => a - b);
  for (const [i, [at, { key, first }]] of ordered.entries()) {
    const [previous] = ordered.slice(i - 1, i);
    if (i > 0 && previous !== undefined && previous[1].last >= first)
      report({ rule: 'statistics', key, expected: `offsets after ${previous[1].last} in the window of ${at}`, found: `${first}` });
  }
  const spanMs = (ordered.at(-1)?.[0] ?? 0) - (ordered[0]?.[0] ?? 0);
  if (spanMs >= windowMs * windowsPerCut)
    report({
      rule: 'manifests',
      key: manifestKey(after, after.start),
      expected: `a cut of at most ${windowsPerCut} windows`,
      found: `one of ${spanMs / windowMs + 1}`,
    });
}

/** The window of each frames object of a cut, found as its broadcasts are checked one by one. */
export class ObjectWindows {
  readonly #windows = new Map<string, number>();

  /**
   * Checks that a broadcast's rows lie in objects of their hour, with frames of one window in each.
   */
  check({ frameObjects, markObjects, statistics }: BroadcastContent, report: Report): void {
    for (const { key, name, rows } of [...frameObjects, ...markObjects])
      for (const { offset } of rows) {
        const counted = statistics.find(({ row }) => row.first_offset <= offset && offset <= row.last_offset)?.row;
        // The recount finds rows that no statistics count.
        if (counted === undefined) continue;
        const at = counted.window_start;
        const window = name.folder === 'frames' ? (this.#windows.get(key) ?? at) : at;
        this.#windows.set(key, window);
        if (at === window && hourOf(at) === name.hourMs) continue;
        report({ rule: 'offsets', key, expected: `rows of its hour and of window ${window}`, found: `a row of window ${at}` });
        break;
      }
  }
}

/**
 * Whether `row` comes after `previous`. Frames are sorted by broadcast, which is checked when they
 * are decoded; marks are not.
 */
function follows(previous: FrameRow | MarkRow, row: FrameRow | MarkRow): boolean {
  if (!('index' in row) || !('index' in previous)) return previous.offset <= row.offset;
  if (broadcastKey(previous) !== broadcastKey(row)) return true;
  return previous.offset < row.offset || (previous.offset === row.offset && previous.index < row.index);
}

/**
 * Describes the columns that differ from the row's frame, or why the frame cannot be read; empty if
 * there is no fault.
 */
function wrongColumns(row: FrameRow): string {
  try {
    const frame = decodeFrame(row.frame);
    const expected: Partial<FrameRow> = {
      stream: frame.stream,
      epoch: epochText(frame.epoch),
      sequence: safeNumber(frame.sequence),
      capture_us: safeNumber(frame.captureUs),
      kind: frame.kind,
      flags: frame.flags,
      participant: frame.participant,
      position: safeNumber(frame.position),
      key_sequence: safeNumber(frame.keySequence),
      payload_offset: frame.payloadOffset,
      payload_length: frame.payloadLength,
    };
    const others = Object.entries(expected).filter(([column, value]) => row[column as keyof FrameRow] !== value);
    return others.map(([column, value]) => `${column} ${row[column as keyof FrameRow]} for ${value}`).join(', ');
  } catch (error) {
    if (error instanceof DecodeError) return `a frame that cannot be read: ${errorText(error)}`;
    throw error;
  }
}

function windowText({ window_start: at, window_ms: length, first_append_time: first, last_append_time: last }: StatisticsRow): string {
  return `${length} ms from ${at}, batches from ${first} to ${last}`;
}
