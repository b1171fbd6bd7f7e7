import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool, freshBuffers } from './buffer-pool.ts';

test('a pool reuses returned buffers, and keeps no more than its bound', () => {
  const pool = new BufferPool(100, 250);
  const taken = [pool.take(), pool.take(), pool.take()];
  assert.equal(new Set(taken).size, 3);
  for (const buffer of taken) pool.give(buffer);
  const again = [pool.take(), pool.take(), pool.take()];
  assert.equal(again.filter((buffer) => taken.includes(buffer)).length, 2);
  assert.throws(() => pool.give(Buffer.alloc(99)), RangeError);
});

test('fresh buffers are never reused', () => {
  const source = freshBuffers(10);
  const first = source.take();
  source.give(first);
  assert.notEqual(source.take(), first);
});
