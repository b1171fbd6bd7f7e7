import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from './random.ts';

const draws = (seed: number, salt: string) =>
  Array.from(
    { length: 50 },
    (
      (random) => () =>
        random.between(0, 1_000)
    )(new SeededRandom(seed, salt)),
  );

test('the same seed and scenario give the same numbers, another seed or scenario gives others', () => {
  assert.deepEqual(draws(7, 'cut-and-resume'), draws(7, 'cut-and-resume'));
  assert.notDeepEqual(draws(7, 'cut-and-resume'), draws(8, 'cut-and-resume'));
  assert.notDeepEqual(draws(7, 'cut-and-resume'), draws(7, 'payloads'));
});

test('numbers lie between both ends and reach them', () => {
  const random = new SeededRandom(1, '');
  const seen = new Set(Array.from({ length: 1_000 }, () => random.between(3, 6)));
  assert.deepEqual([...seen].sort(), [3, 4, 5, 6]);
});
