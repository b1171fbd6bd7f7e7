import assert from 'node:assert/strict';
import { test } from 'node:test';
import { levelBars } from './level-bars.ts';

const hex = (...levels: number[]) => levels.map((level) => level.toString(16).padStart(2, '0')).join('');

test('each bar is as high as the loudest in it, and silence has no height', () => {
  const levels = {
    slotMs: 250,
    runs: [
      [0, hex(127, 20, 40, 127)],
      [6, hex(10, 127)],
    ] as const,
  };
  const bars = levelBars(levels, 2_000, 4);
  assert.ok((bars[0] ?? 0) > (bars[1] ?? 0) && (bars[1] ?? 0) > 0);
  assert.deepEqual([bars[2], bars[3]], [0, 1]);
});

test('a slot that is wider than a bar fills every bar that it touches', () => {
  const bars = levelBars({ slotMs: 1_000, runs: [[1, hex(5)]] }, 4_000, 16);
  assert.deepEqual([...bars], [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test('what lies behind the end, and a broadcast without length, draw nothing', () => {
  assert.deepEqual([...levelBars({ slotMs: 250, runs: [[8, hex(1, 1)]] }, 2_000, 2)], [0, 0]);
  assert.deepEqual([...levelBars({ slotMs: 250, runs: [[0, hex(1)]] }, 0, 2)], [0, 0]);
});
