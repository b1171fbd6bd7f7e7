import assert from 'node:assert/strict';
import { test } from 'node:test';
import { levelBars } from './level-bars.ts';

const hex = (...levels: number[]) => levels.map((level) => level.toString(16).padStart(2, '0')).join('');

test('the height of each bar is the mean loudness of its time, the loudest has full height, and silence has zero height', () => {
  const levels = {
    slotMs: 250,
    runs: [
      [0, hex(127, 20, 40, 127)],
      [6, hex(10, 10)],
    ] as const,
  };
  const bars = levelBars(levels, 2_000, 4);
  assert.ok((bars[0] ?? 0) > (bars[1] ?? 0) && (bars[1] ?? 0) > 0);
  assert.ok((bars[0] ?? 0) < 0.5);
  assert.deepEqual([bars[2], bars[3]], [0, 1]);
});

test('a slot that is wider than a bar adds to each bar the share that covers it', () => {
  assert.deepEqual([...levelBars({ slotMs: 1_000, runs: [[1, hex(5)]] }, 4_000, 16)], [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const [before, across, behind] = levelBars({ slotMs: 1_000, runs: [[1, hex(5)]] }, 4_500, 3);
  assert.deepEqual([Math.round((before ?? 0) * 100), across, behind], [100, 1, 0]);
});

test('a soft broadcast is raised, but noise stays low', () => {
  const [soft] = levelBars({ slotMs: 250, runs: [[0, hex(40)]] }, 250, 1);
  const [noise] = levelBars({ slotMs: 250, runs: [[0, hex(58)]] }, 250, 1);
  assert.ok((soft ?? 0) > 0.5 && (noise ?? 1) < 0.05);
});

test('levels after the end, and a broadcast without length, draw nothing', () => {
  assert.deepEqual([...levelBars({ slotMs: 250, runs: [[8, hex(1, 1)]] }, 2_000, 2)], [0, 0]);
  assert.deepEqual([...levelBars({ slotMs: 250, runs: [[0, hex(1)]] }, 0, 2)], [0, 0]);
});
