import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PositionMap } from './position-map.ts';

const packet = { participant: 0, samples: 960 };

test('the first audio of an epoch lies at its capture time, and from there the count of samples decides', () => {
  const map = new PositionMap();
  assert.equal(map.place({ ...packet, position: 1_000_000, captureUs: 2_000_000 }), 96_000);
  // Late and early stamps do not move the audio, because the device counts exactly.
  assert.equal(map.place({ ...packet, position: 1_000_960, captureUs: 2_090_000 }), 96_960);
  assert.equal(map.place({ ...packet, position: 1_001_920, captureUs: 2_010_000 }), 97_920);
});

test('a hole in the count stays a hole of the same length', () => {
  const map = new PositionMap();
  map.place({ ...packet, position: 0, captureUs: 0 });
  assert.equal(map.place({ ...packet, position: 48_000, captureUs: 5_000_000 }), 48_000);
});

test('a count that goes back, as that of another microphone, is placed by its capture time again', () => {
  const map = new PositionMap();
  map.place({ ...packet, position: 480_000, captureUs: 0 });
  assert.equal(map.place({ ...packet, position: 0, captureUs: 3_000_000 }), 144_000);
  assert.equal(map.place({ ...packet, position: 960, captureUs: 3_000_000 }), 144_960);
});

test('audio that overlaps the one before by a single sample has gone back, and begins where that one ends', () => {
  const map = new PositionMap();
  map.place({ ...packet, position: 0, captureUs: 0 });
  assert.equal(map.place({ ...packet, position: 959, captureUs: 0 }), 960);
  assert.equal(map.place({ ...packet, position: 959 + 960, captureUs: 0 }), 960 + 960, 'the new count decides from there');
});

test('participants do not move one another', () => {
  const map = new PositionMap();
  map.place({ ...packet, position: 500, captureUs: 0 });
  assert.equal(map.place({ ...packet, participant: 3, position: 7, captureUs: 1_000_000 }), 48_000);
  assert.equal(map.place({ ...packet, position: 500 + 960, captureUs: 1_000_000 }), 960);
});

test('with any counts and stamps each frame begins at or after the end of the one before (spec/behaviour.md, B13)', () => {
  const audio = fc.record({
    participant: fc.nat(2),
    position: fc.integer({ min: -100_000, max: 100_000 }),
    samples: fc.integer({ min: 120, max: 5_760 }),
    captureUs: fc.nat(3_000_000),
  });
  fc.assert(
    fc.property(fc.array(audio, { maxLength: 60 }), (frames) => {
      const map = new PositionMap();
      const ends = new Map<number, number>();
      for (const frame of frames) {
        const placed = map.place(frame);
        assert.ok(placed >= (ends.get(frame.participant) ?? 0), `${placed} before ${ends.get(frame.participant)}`);
        ends.set(frame.participant, placed + frame.samples);
      }
    }),
  );
});
