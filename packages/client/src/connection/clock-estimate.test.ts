import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClockEstimate } from './clock-estimate.ts';

const trip = fc.record({
  waitMs: fc.double({ min: 0, max: 2_000, noNaN: true }),
  upMs: fc.double({ min: 0, max: 800, noNaN: true }),
  downMs: fc.double({ min: 0, max: 800, noNaN: true }),
});

test('the true offset of a drifting clock always lies within the stated error', () => {
  fc.assert(
    fc.property(
      fc.array(trip, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 2 ** 51 }),
      fc.double({ min: -1e-4, max: 1e-4, noNaN: true }),
      (trips, offsetUs, drift) => {
        const serverUnixUs = (localMs: number) => Math.round(offsetUs + localMs * 1000 * (1 + drift));
        const estimate = new ClockEstimate();
        let nowMs = 1_000;
        for (const { waitMs, upMs, downMs } of trips) {
          const sentMs = nowMs + waitMs;
          nowMs = sentMs + upMs + downMs;
          estimate.add({ sentMs, receivedMs: nowMs, serverUnixUs: serverUnixUs(sentMs + upMs) });
          const found = estimate.at(nowMs);
          assert.ok(found !== undefined);
          const truth = serverUnixUs(nowMs) - nowMs * 1000;
          // Drift during the trip itself (at most 160 us here) and rounding add to the error.
          assert.ok(Math.abs(found.offsetUs - truth) <= found.errorUs + 165, `${found.offsetUs - truth} ± ${found.errorUs}`);
        }
      },
    ),
  );
});

test('the shortest of the last trips is used until drift has made it worse than a fresh one', () => {
  const estimate = new ClockEstimate();
  estimate.add({ sentMs: 0, receivedMs: 2, serverUnixUs: 5_001_000 });
  estimate.add({ sentMs: 100, receivedMs: 180, serverUnixUs: 5_170_000 });
  assert.deepEqual(estimate.at(180), { offsetUs: 5_000_000, errorUs: 1_018 });
  assert.equal(estimate.roundTripMs, 80);
  assert.equal(estimate.shortestRoundTripMs, 2);
  assert.equal(estimate.at(1_000_000)?.errorUs, 100_001 + 999);
});
