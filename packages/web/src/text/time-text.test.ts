import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockText, dayText, minuteText, spokenDuration } from './time-text.ts';

test('a day is named as one would say it, also across a change of clocks', () => {
  const now = new Date(2026, 4, 3, 0, 30);
  assert.equal(dayText(new Date(2026, 4, 3, 0, 1), now), 'Today');
  assert.equal(dayText(new Date(2026, 4, 2, 23, 59), now), 'Yesterday');
  assert.match(dayText(new Date(2026, 2, 1, 12), now), /^Sunday,? 1 March$/);
  assert.match(dayText(new Date(2025, 11, 31, 12), now), /^Wednesday,? 31 December 2025$/);
});

test('a time of day has two digits each', () => {
  assert.equal(clockText(new Date(2026, 4, 3, 8, 3, 4)), '08:03:04');
  assert.equal(minuteText(new Date(2026, 4, 3, 8, 3, 4)), '08:03');
});

test('a duration is said in words, without what is none', () => {
  assert.equal(spokenDuration(3_723_400), '1 hour 2 minutes 3 seconds');
  assert.equal(spokenDuration(61_000), '1 minute 1 second');
  assert.equal(spokenDuration(7_200_000), '2 hours');
  assert.equal(spokenDuration(-5), '0 seconds');
});
