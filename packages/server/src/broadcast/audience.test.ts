import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Audience } from './audience.ts';

test('viewers of all listeners add up, and the newest report of each counts', () => {
  const audience = new Audience();
  audience.report(1n, 10, 0);
  audience.report(2n, 5, 0);
  audience.report(1n, 7, 1_000);
  assert.equal(audience.viewers(1_000), 12);
  audience.report(2n, 0, 1_000);
  assert.equal(audience.viewers(1_000), 7);
});

test('a listener that reports every second keeps its viewers if two reports are lost; a dead one loses them within 10 s', () => {
  const audience = new Audience();
  audience.report(1n, 10, 0);
  audience.report(2n, 5, 0);
  assert.equal(audience.viewers(3_000), 15);
  audience.report(2n, 5, 9_000);
  assert.equal(audience.viewers(10_000), 5);
});
