import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timing } from '@hayate/protocol';
import { EndedEpochs } from './ended-epochs.ts';

test('an ended epoch is remembered for as long as its tickets are valid, and no other epoch is', () => {
  const ended = new EndedEpochs();
  ended.add('hoshi', 7n, 1_000);
  assert.equal(ended.has('hoshi', 7n, 1_000 + Timing.ticketValidMs), true);
  assert.equal(ended.has('hoshi', 7n, 1_001 + Timing.ticketValidMs), false);
  assert.equal(ended.has('hoshi', 8n, 1_000), false);
  assert.equal(ended.has('tsuki', 7n, 1_000), false);
});

test('an epoch that ends again counts from the second time', () => {
  const ended = new EndedEpochs();
  ended.add('hoshi', 7n, 0);
  ended.add('hoshi', 7n, 5_000);
  assert.equal(ended.has('hoshi', 7n, 5_000 + Timing.ticketValidMs), true);
});

test('beyond 10,000 epochs the oldest is forgotten', () => {
  const ended = new EndedEpochs();
  for (let epoch = 0n; epoch <= 10_000n; epoch++) ended.add('hoshi', epoch, 0);
  assert.deepEqual(
    [0n, 1n, 10_000n].map((epoch) => ended.has('hoshi', epoch, 0)),
    [false, true, true],
  );
});
