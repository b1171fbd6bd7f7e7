// The current group: a viewer that applies its frames has the same state as one that watched from
// the start.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, FrameFlag, Kind, peekFrame } from '@hayate/protocol';
import fc from 'fast-check';
import { CurrentGroup } from './current-group.ts';
import type { LiveEntry } from './live-entry.ts';

function entry(sequence: number, kind: number, options: { participant?: number; keySequence?: number; key?: boolean } = {}): LiveEntry {
  const frame = encodeFrame({
    stream: 's',
    epoch: 1n,
    sequence,
    captureUs: 0,
    kind,
    flags: options.key === true ? FrameFlag.KEY : 0,
    participant: options.participant ?? 0,
    keySequence: options.keySequence ?? 0,
    payload: new Uint8Array(),
  });
  return { frame, header: peekFrame(frame), receivedUnixUs: 0, previousPlusOne: sequence };
}

test('the group holds the latest header and, for each track, the latest key and the latest delta over it, in any order of arrival', () => {
  const frames = fc.array(
    fc.record({
      kind: fc.constantFrom(Kind.HEADER, Kind.AUDIO, Kind.MOTION, Kind.GAME, Kind.EVENT),
      participant: fc.nat(2),
      key: fc.boolean(),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(frames, (list) => {
      const keys = new Map<string, number>();
      const expected = new Map<string, number>();
      const group = new CurrentGroup();
      for (const [sequence, { kind, participant, key }] of list.entries()) {
        const track = `${kind} ${participant}`;
        if (kind === Kind.HEADER) expected.set('header', sequence);
        if (kind === Kind.MOTION || kind === Kind.GAME) {
          if (key) {
            keys.set(track, sequence);
            expected.set(`key ${track}`, sequence);
            expected.delete(`delta ${track}`);
          } else if (keys.has(track)) expected.set(`delta ${track}`, sequence);
        }
        group.add(entry(sequence, kind, { participant, key, keySequence: keys.get(track) ?? 0 }));
      }
      assert.deepEqual(
        group.entries().map(({ header }) => header.sequence),
        [...expected.values()].toSorted((a, b) => a - b),
      );
    }),
  );
});

test('an older key, header or delta that arrives late changes nothing', () => {
  const group = new CurrentGroup();
  for (const late of [
    entry(5, Kind.HEADER),
    entry(6, Kind.MOTION, { key: true }),
    entry(8, Kind.MOTION, { keySequence: 6 }),
    entry(2, Kind.HEADER),
    entry(3, Kind.MOTION, { key: true }),
    entry(4, Kind.MOTION, { keySequence: 3 }),
    entry(7, Kind.MOTION, { keySequence: 6 }),
  ])
    group.add(late);
  assert.deepEqual(
    group.entries().map(({ header }) => header.sequence),
    [5, 6, 8],
  );
});

test('the size of the group is bounded for any stream', () => {
  const group = new CurrentGroup();
  for (let participant = 0; participant < 10_000; participant++) group.add(entry(participant, Kind.MOTION, { key: true, participant }));
  assert.equal(group.entries().length, 256);
});
