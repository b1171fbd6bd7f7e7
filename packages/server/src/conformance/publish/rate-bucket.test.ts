import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateBucket } from './rate-bucket.ts';

test("ten seconds' worth of frames may arrive at once, and twice as much may not", () => {
  const bucket = new RateBucket({ framesPerSecondMax: 100, bitsPerSecondMax: 1e9 });
  for (let frame = 0; frame < 1_000; frame++) assert.equal(bucket.take(10), undefined);
  const excess = Array.from({ length: 1_000 }, () => bucket.take(10)).find((finding) => finding !== undefined);
  assert.equal(excess, 'more than 100 frames a second arrived');
});

test('bits are limited as well as frames', () => {
  const bucket = new RateBucket({ framesPerSecondMax: 1e6, bitsPerSecondMax: 8_000 });
  for (let frame = 0; frame < 10; frame++) assert.equal(bucket.take(1_000), undefined);
  const excess = Array.from({ length: 10 }, () => bucket.take(1_000)).find((finding) => finding !== undefined);
  assert.equal(excess, 'more than 8000 bits a second arrived');
});
