import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LEVEL_SLOT_US, LevelRuns } from '../row/level-runs.ts';
import { joinLevels } from './broadcast-levels.ts';

test('the loudest level of each slot is returned, for any division into rows and any slot width', () => {
  const level = fc.record({ captureMs: fc.nat(99_999), level: fc.nat(127), row: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(level), fc.constantFrom(400, 399, 100, 7, 1), (levels, slotsMax) => {
      const rows = [0, 1, 2, 3].map((row) => {
        const runs = new LevelRuns();
        for (const one of levels) if (one.row === row) runs.add(one.captureMs * 1000, one.level);
        return runs.runs();
      });
      const { slotMs, runs } = joinLevels(rows, { durationMs: 100_000, slotsMax });
      assert.ok(100_000 / slotMs <= slotsMax && Number.isInteger(Math.log2((slotMs * 1000) / LEVEL_SLOT_US)));
      const loudest = new Map<number, number>();
      for (const { captureMs, level } of levels) {
        const slot = Math.floor(captureMs / slotMs);
        loudest.set(slot, Math.min(level, loudest.get(slot) ?? level));
      }
      const given = new Map<number, number>();
      for (const [first, hex] of runs)
        for (let i = 0; i < hex.length; i += 2) given.set(first + i / 2, Number.parseInt(hex.slice(i, i + 2), 16));
      assert.deepEqual(
        [...given],
        [...loudest].sort(([a], [b]) => a - b),
      );
    }),
  );
});

test('levels after the end are left out', () => {
  const { runs } = joinLevels([[[2, '0a0b0c']]], { durationMs: 1_000, slotsMax: 100 });
  assert.deepEqual(runs, [[2, '0a0b']]);
});
