import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrently } from './concurrently.ts';

/** Lets every promise that is ready continue. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('calls the action once for each item, at most as many at a time as allowed', async () => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  await concurrently(new Set([1, 2, 3, 4, 5, 6, 7]), 3, async (item) => {
    seen.push(item);
    most = Math.max(most, ++running);
    await turn();
    running--;
  });
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(most, 3);
});

test('after a failure begins no further item, waits for those it has begun, and rejects with the first error', async () => {
  const ended: number[] = [];
  const slow = Promise.withResolvers<void>();
  let settled = false;
  const all = concurrently([0, 1, 2, 3], 2, async (item) => {
    if (item === 0) throw new Error('first');
    await slow.promise;
    ended.push(item);
    throw new Error('second');
  }).finally(() => {
    settled = true;
  });
  const rejected = assert.rejects(all, { message: 'first' });
  await turn();
  assert.equal(settled, false);
  slow.resolve();
  await rejected;
  assert.deepEqual(ended, [1]);
});
