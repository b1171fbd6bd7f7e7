// Checks that a broadcast has every sequence once, and that the next manifest's memory of it
// matches the cut's rows.

import { isDeepStrictEqual } from 'node:util';
import { RangeSet } from '@hayate/protocol';
import { broadcastKey } from '../layout/broadcast-name.ts';
import type { ErasedSet } from '../layout/erasure-record.ts';
import type { EpochState, Manifest } from '../layout/manifest.ts';
import { manifestKey } from '../layout/path.ts';
import type { BroadcastContent } from './broadcast-content.ts';
import type { CutContent } from './cut-content.ts';
import type { Report } from './finding.ts';

type Ranges = readonly (readonly [number, number])[];

/** The ranges of a manifest as a set. */
export function rangeSet(ranges: Ranges = []): RangeSet {
  const set = new RangeSet();
  for (const [first, last] of ranges) set.add(first, last);
  return set;
}

/**
 * Checks that no sequence occurs twice, and that the manifest after the cut has the right sequences
 * of the broadcast.
 */
export function checkSequences(broadcast: BroadcastContent, report: Report): void {
  const { name, frames, marks, statistics, whole, before, after, header, manifestKey: key } = broadcast;
  const who = broadcastKey(name);
  const wrong = (expected: string, found: unknown) => report({ rule: 'state', key, expected: `${who}: ${expected}`, found: String(found) });
  const seen = rangeSet(before?.seen);
  for (const { sequence, offset } of frames)
    if (!seen.add(sequence))
      report({ rule: 'exactly once', key, expected: `${who} sequence ${sequence} once`, found: `again at offset ${offset}` });
  if (after === undefined) return;
  const touched = frames.length > 0 || marks.length > 0 || statistics.length > 0;
  if (!touched && whole.frames && whole.marks && whole.statistics) {
    if (!isDeepStrictEqual(before, after)) wrong('the state of the previous manifest', 'something else');
    return;
  }
  const dropped = rangeSet(before?.dropped);
  for (const { mark, first_sequence: first, next_sequence: next } of marks) if (mark === 'DROPPED') dropped.add(first, next - 1);
  if (whole.frames) compareRanges('seen', seen, after.seen, wrong);
  if (whole.marks) compareRanges('dropped', dropped, after.dropped, wrong);
  if (whole.frames && whole.marks && isEnded(broadcast) !== after.ended) wrong(`${isEnded(broadcast) ? '' : 'not '}ended`, 'otherwise');
  const last = statistics.at(-1)?.row.window_start;
  if (whole.statistics && last !== undefined && last !== after.windowStartMs)
    wrong(`the last batch in window ${last}`, after.windowStartMs);
  const remembered = header === undefined || !after.ended ? header : { ...header, title: '' };
  if (whole.frames && !isDeepStrictEqual(remembered, after.header))
    wrong(`header ${JSON.stringify(remembered)}`, JSON.stringify(after.header));
}

/**
 * Checks which broadcasts the manifest after the cut forgets: those silent for longer than
 * `epochMemoryMs`, and no others.
 */
export function checkForgotten({ before, after, statistics, whole }: CutContent, erased: ErasedSet, report: Report): void {
  const key = manifestKey(after, after.start);
  const forgottenMs = after.state.windowStartMs - before.config.epochMemoryMs;
  /** The window of each broadcast's last batch. */
  const heard = new Map(before.state.epochs.map((epoch) => [broadcastKey(epoch), epoch.windowStartMs]));
  for (const { rows } of statistics)
    for (const row of rows) heard.set(broadcastKey(row), Math.max(heard.get(broadcastKey(row)) ?? 0, row.window_start));
  const remembered = new Set(after.state.epochs.map(broadcastKey));
  for (const [name, atMs] of heard)
    if (atMs >= forgottenMs && !remembered.has(name))
      report({ rule: 'state', key, expected: `${name} remembered`, found: 'nothing about it' });
  for (const epoch of after.state.epochs) {
    const name = broadcastKey(epoch);
    if (epoch.windowStartMs < forgottenMs) report({ rule: 'state', key, expected: `${name} forgotten`, found: 'it is remembered' });
    if (whole.statistics && !heard.has(name) && !erased.has(name))
      report({ rule: 'state', key, expected: `nothing about ${name}, which has no batches`, found: 'it is remembered' });
  }
}

/**
 * Checks that a manifest holds nothing of erased broadcasts except the data that proves the rest.
 */
export function checkErasedState(manifest: Manifest, erased: ErasedSet, report: Report): void {
  for (const epoch of manifest.state.epochs)
    if (erased.has(broadcastKey(epoch)) && !isClean(epoch))
      report({
        rule: 'erasure',
        key: manifestKey(manifest, manifest.start),
        expected: 'nothing of an erased broadcast',
        found: `title or voice of ${broadcastKey(epoch)}`,
      });
}

function isClean({ header, tracks }: EpochState): boolean {
  return (header?.title ?? '') === '' && tracks.every(({ preroll }) => preroll.length === 0);
}

/** Whether the broadcast has ended. One that was given up for lost and comes back has not ended. */
function isEnded({ before, frames, marks }: BroadcastContent): boolean {
  const end = marks.findLast(({ mark }) => mark === 'END');
  const last = frames.at(-1);
  if (end !== undefined) return last === undefined || last.offset <= end.offset;
  return before?.ended === true && last === undefined;
}

function compareRanges(what: string, set: RangeSet, found: Ranges, wrong: (expected: string, found: unknown) => void): void {
  const expected = text(set.ranges.map(({ first, last }) => [first, last] as const));
  if (JSON.stringify(set.ranges.map(({ first, last }) => [first, last])) !== JSON.stringify(found))
    wrong(`${what} ${expected}`, text(found));
}

function text(ranges: Ranges): string {
  const all = JSON.stringify(ranges);
  return all.length <= 120 ? all : `${all.slice(0, 100)}… (${ranges.length} ranges)`;
}
