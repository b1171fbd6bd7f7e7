import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameRateWatch } from './quality.ts';

const slowAmong = (watch: FrameRateWatch, stepMs: number, frames: number, fromMs = 0) =>
  Array.from({ length: frames }, (_, i) => watch.frame(fromMs + i * stepMs)).filter(Boolean).length;

test('sixty frames a second are never too slow', () => {
  const watch = new FrameRateWatch();
  assert.equal(slowAmong(watch, 1000 / 60, 600), 0);
  assert.ok(Math.abs((watch.framesPerSecond ?? 0) - 60) < 0.5);
});

test('twelve frames a second are too slow after one window', () => {
  const watch = new FrameRateWatch();
  assert.ok(slowAmong(watch, 1000 / 12, 40) >= 1);
});

test('a page that was hidden is not slow', () => {
  const watch = new FrameRateWatch();
  assert.equal(slowAmong(watch, 20, 50), 0);
  assert.equal(slowAmong(watch, 20, 50, 60_000), 0);
});
