// Joined timelines: packets that were on time keep their positions, whatever is late or missing,
// and the run has no holes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isConcealment } from '../../format/ogg/index.ts';
import { PacketRun, type PlacedPacket, placePackets, spliceLate } from './export-timeline.ts';

const MS = 48;
/**
 * Table 2 of RFC 6716: CELT of 2.5, 5, 10 and 20 ms, SILK of 20 and 60 ms; with or without sound.
 */
const packet = fc
  .tuple(fc.constantFrom(0xe0, 0xe8, 0xf0, 0xf8, 0x08, 0x18), fc.integer({ min: 0, max: 3 }))
  .map(([toc, length]) => Uint8Array.of(toc, ...new Uint8Array(length).fill(toc)));
/** Runs of packets with holes before them, milliseconds. */
const runs = fc.array(fc.tuple(fc.constantFrom(0, 0, 2.5, 20, 37, 400), fc.array(packet, { maxLength: 12 })), { maxLength: 8 });

function lay(spec: readonly (readonly [number, readonly Uint8Array[]])[]): PlacedPacket[] {
  const placed: PlacedPacket[] = [];
  let position = 0;
  for (const [holeMs, packets] of spec) {
    placed.push(...placePackets(packets, position + holeMs * MS));
    position = placed.reduce((end, each) => Math.max(end, each.position + each.samples), position + holeMs * MS);
  }
  return placed;
}

test('late packets replace only concealment, and the run has no holes', () => {
  let spliced = 0;
  fc.assert(
    fc.property(runs, runs, (onTimeRuns, lateRuns) => {
      const [onTime, late] = [lay(onTimeRuns), lay(lateRuns)];
      const end = onTime.reduce((last, each) => Math.max(last, each.position + each.samples), 0);
      const joined = [...new PacketRun().follow(spliceLate(onTime, late, end))];
      for (const [i, each] of joined.entries()) {
        const previous = joined[i - 1];
        // Clocks in milliseconds may leave less than 2.5 ms that no packet can fill.
        if (previous !== undefined) assert.ok(Math.abs(each.position - previous.position - previous.samples) < 2.5 * MS);
        if (each.origin === 'late') assert.ok(late.some(({ data, position }) => data === each.data && position === each.position));
        if (each.origin === 'filling') assert.ok(isConcealment(each.data));
      }
      const kept = new Set(joined);
      for (const each of onTime)
        if (!isConcealment(each.data)) assert.ok(kept.has(each), `the packet that was on time at ${each.position} is gone`);
      const sound = (packets: readonly PlacedPacket[]) => packets.filter(({ data }) => !isConcealment(data));
      const wanted = sound(late).filter(
        (each) =>
          each.position + each.samples <= end &&
          !sound(onTime).some((other) => other.position < each.position + each.samples && each.position < other.position + other.samples),
      );
      const put = joined.filter(({ origin }) => origin === 'late').length;
      assert.ok(put <= wanted.length);
      spliced += put;
    }),
    { numRuns: 500 },
  );
  assert.ok(spliced > 100, `${spliced} packets were spliced in`);
});

test('all late packets on the grid of the concealment are inserted', () => {
  const conceal = Uint8Array.of(0x18);
  const voice = (n: number) => Uint8Array.of(0x08, n, n);
  const onTime = placePackets([voice(1), conceal, conceal, voice(2)], 0);
  const late = placePackets([voice(3), voice(4), voice(5), voice(6), voice(7), voice(8)], 20 * MS);
  const joined = [...new PacketRun().follow(spliceLate(onTime, late, 160 * MS))];
  assert.deepEqual(
    joined.map(({ data, position }) => [data[1], position / MS]),
    [1, 3, 4, 5, 6, 7, 8, 2].map((n, i) => [n, i * 20]),
  );
  const two = [...new PacketRun().follow(spliceLate(onTime, late.slice(1, 2), 160 * MS))];
  assert.deepEqual(
    two.map(({ data, samples, position }) => [data[1], samples / MS, position / MS]),
    [
      [1, 20, 0],
      [undefined, 20, 20],
      [4, 20, 40],
      [undefined, 20, 60],
      [undefined, 60, 80],
      [2, 20, 140],
    ],
  );
});
