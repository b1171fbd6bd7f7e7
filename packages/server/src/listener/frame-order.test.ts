// The order of frames: whatever the shards do, each frame is handed on once, in order, or given up
// in time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, Kind, peekFrame } from '@hayate/protocol';
import fc from 'fast-check';
import type { LiveEntry } from '../live/live-entry.ts';
import { FrameOrder, GIVE_UP_MS, REPAIR_AFTER_MS, REPAIR_AGAIN_MS, WAITING_FRAMES_MAX } from './frame-order.ts';

function entry(sequence: number, previousPlusOne = sequence): LiveEntry {
  const frame = encodeFrame({ stream: 's', epoch: 1n, sequence, captureUs: 0, kind: Kind.EVENT, payload: new Uint8Array() });
  return { frame, header: peekFrame(frame), receivedUnixUs: 0, previousPlusOne };
}

/** Releases at `nowMs`, and shows the frames as sequences. */
function release(order: FrameOrder<LiveEntry>, nowMs: number) {
  const { frames, missing, lost } = order.release(nowMs);
  return { frames: frames.map(({ header }) => header.sequence), missing, lost };
}

test('frames in order pass at once, older ones and duplicates do not', () => {
  const order = new FrameOrder<LiveEntry>(5);
  assert.equal(order.take(entry(4), 0), false);
  assert.equal(order.take(entry(5), 0), true);
  assert.deepEqual(release(order, 0), { frames: [5], missing: [], lost: 0 });
  assert.equal(order.take(entry(5), 0), false);
  assert.equal(order.take(entry(7), 0), true);
  assert.equal(order.take(entry(7), 0), false);
  assert.equal(order.open, true);
  order.take(entry(6), 0);
  assert.deepEqual(release(order, 0), { frames: [6, 7], missing: [], lost: 0 });
  assert.equal(order.open, false);
});

test('a hole in the source is not waited for, and does not count as lost', () => {
  const order = new FrameOrder<LiveEntry>(0);
  order.take(entry(0), 0);
  order.take(entry(9, 1), 0);
  assert.deepEqual(release(order, 0), { frames: [0, 9], missing: [{ first: 1, last: 8 }], lost: 0 });
});

test('missing frames are asked for after a delay, again after another delay, and then given up', () => {
  const order = new FrameOrder<LiveEntry>(0);
  order.take(entry(3), 0);
  order.take(entry(6), REPAIR_AFTER_MS);
  assert.deepEqual(order.ask(REPAIR_AFTER_MS - 1), []);
  assert.deepEqual(order.ask(REPAIR_AFTER_MS), [{ first: 0, last: 2 }]);
  assert.deepEqual(order.ask(REPAIR_AFTER_MS + REPAIR_AGAIN_MS - 1), []);
  const both = [
    { first: 0, last: 2 },
    { first: 4, last: 5 },
  ];
  assert.deepEqual(order.ask(REPAIR_AFTER_MS + REPAIR_AGAIN_MS), both);
  assert.deepEqual(release(order, GIVE_UP_MS - 1), { frames: [], missing: [], lost: 0 });
  assert.deepEqual(release(order, GIVE_UP_MS), { frames: [3], missing: [both[0]], lost: 3 });
  assert.deepEqual(release(order, GIVE_UP_MS + REPAIR_AFTER_MS), { frames: [6], missing: [both[1]], lost: 2 });
});

test('missing frames at the end that the streamer names are asked for and given up like a gap', () => {
  const order = new FrameOrder<LiveEntry>(10);
  order.expect(10, 0);
  assert.equal(order.open, false);
  order.expect(12, 0);
  assert.equal(order.open, true);
  assert.deepEqual(order.ask(REPAIR_AFTER_MS), [{ first: 10, last: 11 }]);
  order.take(entry(10), 50);
  assert.deepEqual(release(order, 50), { frames: [10], missing: [], lost: 0 });
  assert.deepEqual(release(order, GIVE_UP_MS), { frames: [], missing: [{ first: 11, last: 11 }], lost: 1 });
  assert.equal(order.open, false);
});

test('when another streamer continues, waiting frames of the first are released first, with or without gaps', () => {
  const order = new FrameOrder<LiveEntry>(0);
  order.take(entry(2), 0);
  order.take(entry(4), 0);
  order.take(entry(9, 0), 1);
  const missing = [
    { first: 0, last: 1 },
    { first: 3, last: 3 },
    { first: 5, last: 8 },
  ];
  assert.deepEqual(release(order, 1), { frames: [2, 4, 9], missing, lost: 3 });
});

test('no more frames wait than the bound', () => {
  const order = new FrameOrder<LiveEntry>(0);
  for (let sequence = 1; sequence <= WAITING_FRAMES_MAX; sequence++) order.take(entry(sequence), 0);
  assert.equal(release(order, 0).frames.length, 0);
  order.take(entry(WAITING_FRAMES_MAX + 1), 0);
  const { frames, lost } = release(order, 0);
  assert.deepEqual([frames.length, frames[0], lost], [WAITING_FRAMES_MAX + 1, 1, 1]);
});

test('for any losses, duplicates and delays: sequences rise, received + missing = published, and no frame is held beyond its time', () => {
  const arrival = fc.record({
    hole: fc.boolean(),
    delayMs: fc.nat(150),
    lost: fc.boolean(),
    doubled: fc.boolean(),
    repaired: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 1, maxLength: 80 }), (list) => {
      const events: { atMs: number; entry: LiveEntry }[] = [];
      let previousPlusOne = 0;
      const published = new Set<number>();
      for (const [sequence, { hole, delayMs, lost, doubled, repaired }] of list.entries()) {
        if (hole) continue;
        const frame = entry(sequence, previousPlusOne);
        previousPlusOne = sequence + 1;
        published.add(sequence);
        const atMs = sequence * 10 + delayMs;
        if (!lost) events.push({ atMs, entry: frame });
        if (doubled && !lost) events.push({ atMs: atMs + 300, entry: frame });
        if (repaired) events.push({ atMs: sequence * 10 + 90, entry: frame });
      }
      events.sort((a, b) => a.atMs - b.atMs);
      const order = new FrameOrder<LiveEntry>(0);
      const received: number[] = [];
      let missing = 0;
      let lost = 0;
      const arrivedMs = new Map<number, number>();
      const settle = (nowMs: number) => {
        const released = release(order, nowMs);
        for (const range of released.missing) missing += range.last - range.first + 1;
        lost += released.lost;
        for (const sequence of released.frames) {
          assert.ok(sequence > (received.at(-1) ?? -1));
          assert.ok(nowMs - (arrivedMs.get(sequence) ?? nowMs) <= GIVE_UP_MS);
          received.push(sequence);
        }
      };
      let nowMs = 0;
      for (; nowMs <= list.length * 10 + 1_000; nowMs += 10) {
        for (let next = events[0]; next !== undefined && next.atMs <= nowMs; next = events[0]) {
          events.shift();
          if (order.take(next.entry, nowMs)) arrivedMs.set(next.entry.header.sequence, nowMs);
        }
        if (nowMs === list.length * 10) order.expect(previousPlusOne, nowMs);
        settle(nowMs);
      }
      assert.equal(order.open, false);
      assert.equal(received.length + missing, order.nextSequence);
      assert.ok(order.nextSequence >= previousPlusOne);
      const unexplained = [...published].filter((sequence) => !received.includes(sequence)).length;
      assert.ok(unexplained <= lost);
      if (list.every((one) => !one.lost || one.hole)) assert.equal(unexplained, 0);
    }),
    { numRuns: 500 },
  );
});
