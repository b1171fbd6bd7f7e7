// TokenBucket against its definition.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.ts';

test('in any interval at most the burst plus the rate passes, and nothing that would fit is refused', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ afterMs: fc.nat(500), cost: fc.integer({ min: 1, max: 30 }) }), { maxLength: 60 }), (requests) => {
      const bucket = new TokenBucket({ rate: 100, burst: 20, nowMs: 0 });
      let nowMs = 0;
      let level = 20;
      for (const { afterMs, cost } of requests) {
        nowMs += afterMs;
        level = Math.min(20, level + afterMs * 0.1);
        // If the level is within rounding of the cost, either answer is right.
        if (Math.abs(level - cost) < 1e-6) return;
        assert.equal(bucket.take(cost, nowMs), cost <= level);
        if (cost <= level) level -= cost;
      }
    }),
  );
});
