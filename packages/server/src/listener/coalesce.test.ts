import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BusyMeter, type CoalesceLevel, type CoalesceOptions, coalesceDelayMs, coalesceLevel } from './coalesce.ts';

const options: CoalesceOptions = { coalesceMs: 25, coalesceMaxMs: 100, coalesce: 'busy' };
/** The delays of a listener whose share of time spent writing takes these values in turn. */
const delays = (shares: readonly number[], over: Partial<CoalesceOptions> = {}) => {
  let level: CoalesceLevel = 0;
  return shares.map((share) => {
    level = coalesceLevel(share, level);
    return coalesceDelayMs(level, { ...options, ...over });
  });
};

test('an idle listener does not wait, a busy one gathers, a very busy one gathers longer', () => {
  assert.deepEqual(delays([0, 0.04, 0.06, 0.49, 0.51, 0.74, 0.76, 1]), [0, 0, 25, 25, 50, 50, 100, 100]);
});

test('gathering continues until the listener is clearly idle, so that gathering does not end itself', () => {
  assert.deepEqual(delays([0.06, 0.03, 0.02, 0.019, 0.03]), [25, 25, 25, 0, 0]);
});

test('coalesce-ms 0 never waits, "always" waits also when idle, and no frame waits longer than the maximum', () => {
  assert.deepEqual(delays([0, 0.5, 1], { coalesceMs: 0 }), [0, 0, 0]);
  assert.deepEqual(delays([0, 0.5, 1], { coalesce: 'always' }), [25, 25, 100]);
  assert.deepEqual(delays([0.1, 0.6, 1], { coalesceMaxMs: 40 }), [25, 40, 40]);
});

test('the share is the time spent in the last second, accurate to a tenth', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 90 })), { minLength: 1, maxLength: 60 }), (stretches) => {
      const meter = new BusyMeter();
      const done: { endMs: number; spentMs: number }[] = [];
      let nowMs = 0;
      for (const [pauseMs, spentMs] of stretches) {
        const startMs = nowMs + pauseMs;
        nowMs = startMs + spentMs;
        meter.add(startMs, nowMs);
        done.push({ endMs: nowMs, spentMs });
        const since = (ms: number) => done.filter(({ endMs }) => endMs > nowMs - ms).reduce((sum, one) => sum + one.spentMs, 0) / 1_000;
        const share = meter.share(nowMs);
        assert.ok(share >= Math.min(1, since(900)) - 1e-9 && share <= Math.min(1, since(1_001)) + 1e-9, `${share}`);
      }
      assert.equal(meter.share(nowMs + 1_100), 0);
    }),
  );
});
