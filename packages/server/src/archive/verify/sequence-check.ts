// Every sequence of a broadcast once, in its place: offsets tile without gap or overlap, and what the next manifest remembers of
// each broadcast is what the cut's rows say.
import { RangeSet } from '@hayate/protocol';
import type { BroadcastName } from '../broadcast-order.ts';
import { broadcastKey, type ErasedSet } from '../erasure-record.ts';
import type { EpochState, Manifest } from '../manifest.ts';
import { manifestKey } from '../path.ts';
import type { CutContent, RowObject } from './cut-content.ts';
import type { Report } from './finding.ts';

type Ranges = readonly (readonly [number, number])[];

/** A broadcast's state in a manifest; undefined if it does not remember it. */
export function epochState({ state }: Manifest, { stream, epoch }: BroadcastName): EpochState | undefined {
  return state.epochs.find((candidate) => candidate.stream === stream && candidate.epoch === epoch);
}

/** The ranges of a manifest as a set. */
export function rangeSet(ranges: Ranges = []): RangeSet {
  const set = new RangeSet();
  for (const [first, last] of ranges) set.add(first, last);
  return set;
}

/** Checks that each output's objects follow one another from where the manifest before says to where the one behind says. */
export function checkOffsets({ before, after, whole, ...content }: CutContent, report: Report): void {
  for (const output of ['frames', 'marks', 'statistics'] as const) {
    if (!whole[output]) continue;
    const objects: readonly RowObject<{ stream: string }>[] = content[output];
    let next = before.state.covered[output];
    for (const { key, name } of objects.toSorted((a, b) => a.name.start - b.name.start)) {
      if (name.start !== next)
        report({ rule: 'offsets', key, expected: `an object from offset ${next} on`, found: `one from ${name.start} on` });
      next = name.end;
    }
    if (next !== after.state.covered[output])
      report({
        rule: 'offsets',
        key: manifestKey(after, after.start),
        expected: `${output} up to ${after.state.covered[output]}`,
        found: `up to ${next}`,
      });
  }
  for (const { key, name, rows } of [...content.frames, ...content.marks])
    for (const [i, row] of rows.entries()) {
      const previous = rows[i - 1];
      if (row.offset < name.start || row.offset >= name.end || row.partition !== name.partition || row.log !== name.log)
        report({
          rule: 'offsets',
          key,
          expected: `offsets ${name.start} to before ${name.end} of the partition`,
          found: `a row of offset ${row.offset}`,
        });
      const sameBroadcast = previous?.stream === row.stream && previous.epoch === row.epoch;
      if (sameBroadcast && 'index' in row && 'index' in previous && (previous.offset - row.offset || previous.index - row.index) >= 0)
        report({
          rule: 'offsets',
          key,
          expected: 'rows of a broadcast in log order',
          found: `offset ${row.offset} behind ${previous.offset}`,
        });
    }
}

/** Checks that no sequence comes twice, and that the next manifest remembers exactly what came. */
export function checkSequences({ before, after, frames, marks, whole }: CutContent, erased: ErasedSet, report: Report): void {
  const seen = new Map<string, RangeSet>();
  const dropped = new Map<string, RangeSet>();
  const ended = new Set<string>();
  for (const epoch of before.state.epochs) {
    seen.set(broadcastKey(epoch), rangeSet(epoch.seen));
    dropped.set(broadcastKey(epoch), rangeSet(epoch.dropped));
    if (epoch.ended) ended.add(broadcastKey(epoch));
  }
  const touched = new Set<string>();
  for (const { key, rows } of frames.toSorted((a, b) => a.name.start - b.name.start))
    for (const row of rows) {
      touched.add(broadcastKey(row));
      if (!at(seen, broadcastKey(row)).add(row.sequence))
        report({
          rule: 'exactly once',
          key,
          expected: `${broadcastKey(row)} sequence ${row.sequence} once`,
          found: `again at offset ${row.offset}`,
        });
    }
  for (const { rows } of marks)
    for (const row of rows) {
      touched.add(broadcastKey(row));
      if (row.mark === 'END') ended.add(broadcastKey(row));
      else at(dropped, broadcastKey(row)).add(row.first_sequence, row.next_sequence - 1);
    }
  const key = manifestKey(after, after.start);
  const forgottenMs = after.state.windowStartMs - before.config.epochMemoryMs;
  const remembered = new Set(after.state.epochs.map(broadcastKey));
  for (const { stream, epoch, windowStartMs } of before.state.epochs) {
    const name = `${stream}/${epoch}`;
    if (!remembered.has(name) && (windowStartMs >= forgottenMs || touched.has(name)))
      report({ rule: 'state', key, expected: `${name} remembered`, found: 'nothing of it' });
  }
  for (const name of touched)
    if (!remembered.has(name)) report({ rule: 'state', key, expected: `${name} remembered`, found: 'nothing of it' });
  for (const epoch of after.state.epochs) {
    const name = broadcastKey(epoch);
    if (erased.has(name)) continue;
    const same = (what: 'seen' | 'dropped', found: Map<string, RangeSet>) => {
      const expected = text(at(found, name).ranges.map(({ first, last }) => [first, last] as const));
      if (text(epoch[what]) !== expected) report({ rule: 'state', key, expected: `${name} ${what} ${expected}`, found: text(epoch[what]) });
    };
    if (whole.frames) same('seen', seen);
    if (whole.marks) same('dropped', dropped);
    if (whole.marks && epoch.ended !== ended.has(name))
      report({ rule: 'state', key, expected: `${name} ${ended.has(name) ? '' : 'not '}ended`, found: 'otherwise' });
  }
}

/** Checks that of erased broadcasts a manifest holds nothing but what proves the rest. */
export function checkErasedState(manifest: Manifest, erased: ErasedSet, report: Report): void {
  for (const epoch of manifest.state.epochs) {
    const clean = (epoch.header?.title ?? '') === '' && epoch.tracks.every(({ preroll }) => preroll.length === 0);
    if (erased.has(broadcastKey(epoch)) && !clean)
      report({
        rule: 'erasure',
        key: manifestKey(manifest, manifest.start),
        expected: 'nothing of an erased broadcast',
        found: `title or voice of ${broadcastKey(epoch)}`,
      });
  }
}

function at(sets: Map<string, RangeSet>, name: string): RangeSet {
  const set = sets.get(name) ?? new RangeSet();
  sets.set(name, set);
  return set;
}

function text(ranges: Ranges): string {
  const all = JSON.stringify(ranges);
  return all.length <= 120 ? all : `${all.slice(0, 100)}… (${ranges.length} ranges)`;
}
