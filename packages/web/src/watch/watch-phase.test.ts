import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchPhase } from './watch-phase.ts';

test('a viewer waits until the first broadcast and says so after the last', () => {
  assert.equal(watchPhase('connecting', false, false), 'connecting');
  assert.equal(watchPhase('live', false, false), 'waiting');
  assert.equal(watchPhase('live', true, false), 'live');
  assert.equal(watchPhase('live', false, true), 'ended');
  assert.equal(watchPhase('live', true, true), 'live');
});

test('a lost connection counts for more than what was being watched', () => {
  assert.equal(watchPhase('reconnecting', true, false), 'reconnecting');
  assert.equal(watchPhase('failed', true, false), 'failed');
});
