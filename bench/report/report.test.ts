// The page from invented results: missed goals are shown, and tables stand where pages ask for
// them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchmarksPage, fillTables } from './report.ts';
import type { BenchResult } from './result.ts';

const environment = { cpu: 'A CPU', cores: 2, memoryGiB: 4, kernel: '6.1', versions: { node: '26.0.0' } };
const result = (benchmark: string, outcome: Partial<BenchResult['outcome']>): BenchResult => ({
  ...{ benchmark, command: `npm run bench -- ${benchmark}`, date: '2026-01-02', commit: 'abc', environment },
  outcome: { name: benchmark, ratio: 1.5, unit: 'x', ...outcome },
});
const table = { title: 'Costs', columns: ['what', 'µs'], rows: [['a | b', '3']] };
const results = [
  result('peek', { details: { nsPerFrame: 71.23456, nested: [1] } }),
  result('fan-out', {
    tables: [table],
    goals: [
      { what: 'slow', goal: '≤ 1', measured: '2', met: false },
      { what: 'fast', goal: '≤ 3', measured: '2', met: true },
    ],
    notes: ['A sentence.'],
  }),
];

test('the live path comes first, and a missed goal is reported at the top', () => {
  const page = benchmarksPage(results);
  assert.ok(page.indexOf('## fan-out') < page.indexOf('## peek'));
  assert.match(page, /\| \[fan-out\]\(#fan-out\) \| 1\.5 x \| 1 of 2 \|/);
  assert.ok(page.indexOf('| fan-out | slow | ≤ 1 | 2 |') < page.indexOf('## fan-out'));
  assert.match(page, /\| nsPerFrame \| 71\.23 \|/);
  assert.match(page, /a \\\| b/);
});

test('fills the table that a page names, and filling it again changes nothing', () => {
  const page = 'before\n<!-- table: fan-out/Costs -->\nold\n<!-- end -->\nafter\n';
  const once = fillTables(page, results);
  assert.match(once, /\| what \| µs \|\n\|---\|---:\|\n/);
  assert.doesNotMatch(once, /old/);
  assert.equal(fillTables(once, results), once);
  assert.doesNotMatch(fillTables(page.replace('fan-out', 'growth'), results), /old|\| what/);
  assert.throws(() => fillTables(page.replace('Costs', 'Gains'), results), /no table "Gains"/);
});
