import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadAhead } from './read-ahead.ts';

test('reads ahead up to its bound and no further, and keeps the order', async () => {
  let asked = 0;
  async function* source() {
    for (; asked < 20; ) yield asked++;
  }
  const ahead = new ReadAhead(source(), 4);
  const taken: number[] = [];
  while (!ahead.isOver) {
    await ahead.more();
    const { first } = ahead;
    if (first === undefined) continue;
    assert.ok(asked - taken.length <= 4, `${asked} asked for, ${taken.length} taken`);
    taken.push(first);
    ahead.shift();
  }
  assert.deepEqual(
    taken,
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('an error is thrown when everything before it has been taken', async () => {
  async function* source() {
    yield 1;
    throw new Error('torn');
  }
  const ahead = new ReadAhead(source(), 4);
  while (ahead.isReading) await ahead.more();
  assert.equal(ahead.first, 1);
  assert.equal(ahead.isOver, false);
  ahead.shift();
  assert.throws(() => ahead.isOver, /torn/);
});

test('closing ends the source, also while a read is pending', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  async function* source() {
    try {
      yield 1;
      yield 2;
    } finally {
      resolve();
    }
  }
  new ReadAhead(source(), 1).close();
  await closed;
});
