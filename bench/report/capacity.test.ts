// The arithmetic of the capacity tables, at sizes that can be calculated by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capacityTables, listenersOfStream } from './capacity.ts';

test('many randomly placed viewers reach nearly all listeners, and one viewer reaches one', () => {
  assert.ok(Math.abs(listenersOfStream(1, 200) - 1) < 1e-9);
  assert.ok(Math.abs(listenersOfStream(2, 2) - 1.5) < 1e-9);
  assert.ok(listenersOfStream(10_000, 200) > 199.9);
});

test('the number of cores follows from unit costs, counts and the usable share of a core', () => {
  const none = {
    streamerIdleUs: 0,
    frameUs: 0,
    redisIdleUs: 0,
    publishUs: 0,
    passUs: 0,
    listenerIdleUs: 0,
    takeUs: 0,
    deliveryUs: 0,
    viewerUs: 0,
  };
  const directory = { bytesPerStream: 100, listUsPerStream: 10 };
  const rowsOf = (costs: Partial<typeof none>) =>
    capacityTables({ ...none, ...costs }, directory).find(({ title }) => title.startsWith('A million'))?.rows ?? [];
  // 250,000 frames a second of 24 µs are 6 cores' work: 10 at 60 %.
  assert.deepEqual(
    rowsOf({ frameUs: 24 }).map((row) => row[2]),
    ['10', '10', '10'],
  );
  // 50 million deliveries of 6 µs are 300 cores' work: 500.
  assert.deepEqual(
    rowsOf({ deliveryUs: 6 }).map((row) => row[4]),
    ['500', '500', '500'],
  );
  // Forwarding to two listeners costs twice the work of one.
  assert.deepEqual(
    rowsOf({ passUs: 12 })
      .slice(1)
      .map((row) => row[3]),
    ['10', '5'],
  );
});
