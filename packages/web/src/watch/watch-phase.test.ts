import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchPhase } from './watch-phase.ts';

test('a viewer is waiting before the first broadcast and ended after the last', () => {
  assert.equal(watchPhase('connecting', false, false), 'connecting');
  assert.equal(watchPhase('live', false, false), 'waiting');
  assert.equal(watchPhase('live', true, false), 'live');
  assert.equal(watchPhase('live', false, true), 'ended');
  assert.equal(watchPhase('live', true, true), 'live');
});

test('a lost connection takes precedence over the state of the stream', () => {
  assert.equal(watchPhase('reconnecting', true, false), 'reconnecting');
  assert.equal(watchPhase('failed', true, false), 'failed');
});
