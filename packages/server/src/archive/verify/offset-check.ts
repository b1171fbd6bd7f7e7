// Where things lie: an output's objects follow one another without gap or overlap, their rows lie within them in order and say
// what their frames say, and windows are those of the cut's configuration and of the hours that keys name.
import { epochText, peekFrame } from '@hayate/protocol';
import { broadcastKey } from '../erasure-record.ts';
import type { FrameRow } from '../frame-row.ts';
import type { Manifest } from '../manifest.ts';
import type { MarkRow } from '../mark-row.ts';
import { manifestKey, parseHourlyKey } from '../path.ts';
import { safeNumber } from '../safe-number.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import type { CutContent, RowObject } from './cut-content.ts';
import type { Report } from './finding.ts';

const HOUR_MS = 3_600_000;

/** Checks by their names that each output's objects go on where the manifest before says, up to where the one behind says. */
export function checkTiles(before: Manifest, after: Manifest, report: Report): void {
  const names = (after.previous?.objects ?? []).map(({ key }) => ({ key, name: parseHourlyKey(key) }));
  for (const output of ['frames', 'marks', 'statistics'] as const) {
    let next = before.state.covered[output];
    const own = names.flatMap(({ key, name }) => (name?.folder === output ? [{ key, ...name }] : []));
    for (const { key, start, end } of own.sort((a, b) => a.start - b.start)) {
      if (start !== next || end <= start)
        report({ rule: 'offsets', key, expected: `an object from offset ${next} on`, found: `one of ${start} to before ${end}` });
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

/** Checks that rows lie in their objects, in log order, and that a frame's columns are those of the frame. */
export function checkRows({ frames, marks }: CutContent, report: Report): void {
  for (const { key, name, rows } of [...frames, ...marks])
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
        report({ rule: 'offsets', key, expected: 'rows in log order', found: `offset ${row.offset} behind ${previous.offset}` });
      if ('frame' in row && !isOfItsFrame(row))
        report({ rule: 'content', key, expected: `columns of the frame at offset ${row.offset}, ${row.index}`, found: 'others' });
    }
}

/** Checks windows by the statistics, which name them: alignment, order, length of the cut, and the hours in which objects lie. */
export function checkWindows({ before, after, statistics, frames, marks }: CutContent, report: Report): void {
  const { windowMs, windowsPerCut } = before.config;
  const windows = new Map<number, { key: string; first: number; last: number }>();
  const rowsOf = new Map<string, StatisticsRow[]>();
  for (const { key, name, rows } of statistics)
    for (const row of rows) {
      const at = row.window_start;
      const isPossible =
        row.window_ms === windowMs &&
        at % windowMs === 0 &&
        at - (at % HOUR_MS) === name.hourMs &&
        at >= before.state.windowStartMs &&
        at <= after.state.windowStartMs &&
        row.first_append_time <= row.last_append_time &&
        row.last_append_time < at + windowMs;
      if (!isPossible)
        report({ rule: 'statistics', key, expected: `a window of ${windowMs} ms in this hour and cut`, found: windowText(row) });
      const { first, last } = windows.get(at) ?? { first: row.first_offset, last: row.last_offset };
      windows.set(at, { key, first: Math.min(first, row.first_offset), last: Math.max(last, row.last_offset) });
      const own = rowsOf.get(broadcastKey(row)) ?? [];
      rowsOf.set(broadcastKey(row), own);
      own.push(row);
    }
  const ordered = [...windows].sort(([a], [b]) => a - b);
  for (const [i, [at, { key, first }]] of ordered.entries()) {
    const [previous] = ordered.slice(i - 1, i);
    if (i > 0 && previous !== undefined && previous[1].last >= first)
      report({ rule: 'statistics', key, expected: `offsets behind ${previous[1].last} in the window of ${at}`, found: `${first}` });
  }
  const spanMs = (ordered.at(-1)?.[0] ?? 0) - (ordered[0]?.[0] ?? 0);
  if (spanMs >= windowMs * windowsPerCut)
    report({
      rule: 'manifests',
      key: manifestKey(after, after.start),
      expected: `a cut of ${windowsPerCut} windows at the most`,
      found: `one of ${spanMs / windowMs + 1}`,
    });
  const windowOf = (row: FrameRow | MarkRow) =>
    rowsOf.get(broadcastKey(row))?.find((each) => each.first_offset <= row.offset && row.offset <= each.last_offset)?.window_start;
  for (const object of frames) checkHour(object, windowOf, 1, report);
  for (const object of marks) checkHour(object, windowOf, Infinity, report);
}

function checkHour<Row extends FrameRow | MarkRow>(
  { key, name, rows }: RowObject<Row>,
  windowOf: (row: Row) => number | undefined,
  windowsMax: number,
  report: Report,
): void {
  // Rows that no statistics count are found there.
  const found = new Set(rows.map(windowOf).filter((at) => at !== undefined));
  const inHour = [...found].every((at) => at - (at % HOUR_MS) === name.hourMs);
  if (found.size > windowsMax || !inHour)
    report({
      rule: 'offsets',
      key,
      expected: windowsMax === 1 ? 'rows of one window of its hour' : 'rows of its hour',
      found: `of windows ${[...found].join(', ')}`,
    });
}

/** Frames are sorted by broadcast, which is checked where they are decoded; marks are not. */
function follows(previous: FrameRow | MarkRow, row: FrameRow | MarkRow): boolean {
  if (!('index' in row) || !('index' in previous)) return previous.offset <= row.offset;
  if (broadcastKey(previous) !== broadcastKey(row)) return true;
  return previous.offset < row.offset || (previous.offset === row.offset && previous.index < row.index);
}

function isOfItsFrame(row: FrameRow): boolean {
  try {
    const header = peekFrame(row.frame);
    return (
      header.stream === row.stream &&
      epochText(header.epoch) === row.epoch &&
      safeNumber(header.sequence) === row.sequence &&
      safeNumber(header.captureUs) === row.capture_us &&
      header.kind === row.kind &&
      header.flags === row.flags &&
      header.participant === row.participant &&
      safeNumber(header.position) === row.position &&
      safeNumber(header.keySequence) === row.key_sequence &&
      header.payloadOffset === row.payload_offset &&
      header.payloadLength === row.payload_length
    );
  } catch {
    return false;
  }
}

function windowText({ window_start: at, window_ms: length, first_append_time: first, last_append_time: last }: StatisticsRow): string {
  return `${length} ms from ${at}, batches from ${first} to ${last}`;
}
