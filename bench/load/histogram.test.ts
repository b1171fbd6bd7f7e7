// Compares quantiles with a plain sort of the values. The test puts the values into buckets by the
// rule in histogram.h.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BucketCount, bucketMax, Histogram } from './histogram.ts';

const bucketOf = (us: number): number => {
  if (us < 256) return us;
  const shift = Math.floor(Math.log2(us)) - 7;
  return shift * 128 + Math.floor(us / 2 ** shift);
};
const print = (values: readonly number[]) => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(bucketOf(value), (counts.get(bucketOf(value)) ?? 0) + 1);
  return { max: Math.max(...values), buckets: [...counts] as BucketCount[] };
};
const times = fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 200 });

test('a bucket ends where the next begins', () => {
  for (let bucket = 0; bucket < 4_000; bucket++) {
    assert.equal(bucketOf(bucketMax(bucket)), bucket);
    assert.equal(bucketOf(bucketMax(bucket) + 1), bucket + 1);
  }
});

test('a quantile is the one of the sorted values, within 0.8 % above', () => {
  fc.assert(
    fc.property(times, times, fc.double({ min: 0, max: 1, noNaN: true }), (first, second, q) => {
      const sorted = [...first, ...second].sort((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? Number.NaN;
      const found = Histogram.of(print(first), print(second)).quantile(q);
      assert.ok(found >= exact && found <= exact * 1.008 + 1e-9, `${found} for ${exact}`);
    }),
  );
});

test('the maximum is exact, and an empty histogram has no quantile', () => {
  assert.equal(Histogram.of(print([3, 70_001])).max, 70_001);
  assert.equal(Histogram.of(print([3, 70_001])).quantile(1), 70_001);
  assert.ok(Number.isNaN(new Histogram().quantile(0.5)));
});
