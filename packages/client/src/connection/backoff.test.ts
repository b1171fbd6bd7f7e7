import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backoff } from './backoff.ts';

/** The first `count` waits, with the same random number each time. */
const waits = (random: number, count: number): number[] => {
  const backoff = new Backoff(() => random);
  return Array.from({ length: count }, () => backoff.nextMs());
};

test('waits longer after each failure, between half and all of a doubling limit, up to ten seconds', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (random) => {
      for (const [attempt, waitMs] of waits(random, 2_000).entries()) {
        const limitMs = Math.min(10_000, 250 * 2 ** attempt);
        assert.ok(waitMs >= limitMs / 2 && waitMs <= limitMs, `${waitMs} ms at attempt ${attempt}`);
      }
    }),
    { numRuns: 20 },
  );
});

test('the same failure spreads clients over half of the wait, so that a server that restarts does not get them all at once', () => {
  assert.deepEqual(waits(0, 8), [125, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  assert.deepEqual(waits(0.5, 8), [187.5, 375, 750, 1_500, 3_000, 6_000, 7_500, 7_500]);
  const random = [0.1, 0.9];
  const backoff = new Backoff(() => random.shift() ?? 0);
  backoff.nextMs();
  assert.equal(backoff.nextMs(), 250 + 0.9 * 250, 'each wait is drawn for itself');
});

test('the wait is short again after a connection that lasted', () => {
  const backoff = new Backoff(() => 0);
  for (let attempt = 0; attempt < 9; attempt++) backoff.nextMs();
  backoff.reset();
  assert.deepEqual([backoff.nextMs(), backoff.nextMs()], [125, 250]);
});
