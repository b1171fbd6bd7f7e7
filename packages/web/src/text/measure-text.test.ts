import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitrateText, bytesText, countText, durationText, latencyText, shareText, viewersText } from './measure-text.ts';

test('bitrates change unit where a thousand kilobits would be shown', () => {
  assert.equal(bitrateText(147_600), '148 kbps');
  assert.equal(bitrateText(0), '0 kbps');
  assert.equal(bitrateText(999_499), '999 kbps');
  assert.equal(bitrateText(999_500), '1.0 Mbps');
  assert.equal(bitrateText(undefined), '–');
});

test('a latency shows its error rounded up, never too small', () => {
  assert.equal(latencyText(83.6), '84 ms');
  assert.equal(latencyText(83.6, 2.1), '84 ± 3 ms');
  assert.equal(latencyText(Number.NaN, 1), '–');
});

test('durations show hours only when there are any', () => {
  assert.equal(durationText(7_999), '0:07');
  assert.equal(durationText(750_000), '12:30');
  assert.equal(durationText(3_723_000), '1:02:03');
  assert.equal(durationText(-5), '0:00');
});

test('a loss that is not zero never reads as zero', () => {
  assert.equal(shareText(0, 1000), '0 %');
  assert.equal(shareText(1, 100_000), '0.1 %');
  assert.equal(shareText(12, 100), '12 %');
  assert.equal(shareText(0, 0), '–');
});

test('one viewer is written in the singular', () => {
  assert.equal(viewersText(1), '1 viewer');
  assert.equal(viewersText(1_204), '1,204 viewers');
});

test('bytes and counts keep two or three digits', () => {
  assert.deepEqual([999, 999.6, 12_345, 999_499, 999_600, 9_949_999, 12_345_678, 1.25e9].map(bytesText), [
    '999 B',
    '1 kB',
    '12 kB',
    '999 kB',
    '1.0 MB',
    '9.9 MB',
    '12 MB',
    '1.3 GB',
  ]);
  assert.deepEqual([0, 1_204, 999_999, 1_250_000].map(countText), ['0', '1,204', '999,999', '1.3 M']);
});
