import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LEVEL_SLOT_US, LevelRuns } from './level-runs.ts';

test('each slot holds its loudest level, for any order of levels, and silence between runs is left out', () => {
  const level = fc.record({ captureUs: fc.nat(20 * LEVEL_SLOT_US), level: fc.nat(127) });
  fc.assert(
    fc.property(fc.array(level), (levels) => {
      const gathered = new LevelRuns();
      for (const { captureUs, level } of levels) gathered.add(captureUs, level);
      const loudest = new Map<number, number>();
      for (const { captureUs, level } of levels) {
        const slot = Math.floor(captureUs / LEVEL_SLOT_US);
        loudest.set(slot, Math.min(loudest.get(slot) ?? 127, level));
      }
      const runs = gathered.runs();
      const read = runs.flatMap(([slot, hex]) =>
        (hex.match(/../g) ?? []).map((digits, i): [number, number] => [slot + i, parseInt(digits, 16)]),
      );
      assert.deepEqual(
        read,
        [...loudest].sort(([a], [b]) => a - b),
      );
      for (const [i, [slot]] of runs.entries()) assert.ok(i === 0 || slot > (runs[i - 1]?.[0] ?? 0) + (runs[i - 1]?.[1].length ?? 0) / 2);
    }),
  );
});
