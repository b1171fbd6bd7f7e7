// The kit finds mistakes of clients: for each deliberate mistake in the Python client it reports
// the broken rule. The client without a mistake breaks none: see python.test.ts.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { rulesOf } from '../../../packages/server/src/conformance/report.ts';
import { ruleOf } from '../../../packages/server/src/conformance/rule.ts';
import type { Side } from '../../../packages/server/src/conformance/scenario.ts';
import { type PythonClient, preparePythonClient } from '../../support/python-client.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { pythonCommand, runKit } from './kit-run.ts';
import { type Mistake, mistakes } from './mistake.ts';

/** Number of mistakes that are played in parallel. */
const LANES = 10;
/** The finding about a rule that was not reached. On its own it proves nothing. */
const UNREACHED = 'the scenario ended before it could be checked';

const sides: readonly Side[] = ['publish', 'watch'];

/** A copy of the client with the mistake in it. */
function withMistake(t: TestContext, { folder }: PythonClient, { file, search, replacement, what }: Mistake): string {
  const copy = tempDir(t);
  cpSync(join(folder, 'hayate_client'), join(copy, 'hayate_client'), { recursive: true });
  const path = join(copy, 'hayate_client', `${file}.py`);
  const parts = readFileSync(path, 'utf8').split(search);
  assert.equal(parts.length, 2, `"${what}": the text to replace occurs ${parts.length - 1} times in ${file}.py`);
  writeFileSync(path, parts.join(replacement));
  return copy;
}

test('each deliberate mistake is found by the rule that it breaks', async (t) => {
  const client = await preparePythonClient(t);
  if (client === undefined) return;
  const waiting = mistakes.values();
  const unfound: string[] = [];
  const lane = async (): Promise<void> => {
    for (const mistake of waiting) {
      const { what, side, rule, scenario } = mistake;
      const command = pythonCommand(client.python, withMistake(t, client, mistake), side);
      const { broken: found } = await runKit(t, { side, command, scenarios: [scenario] });
      const isFound = found.some((one) => one.rule === rule && !one.finding.includes(UNREACHED));
      if (!isFound) unfound.push(`${what}: ${rule} in ${scenario}; found instead: ${JSON.stringify(found)}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  assert.deepEqual(unfound, []);
});

test('there is a mistake for each rule that the kit checks', () => {
  const broken = new Set(mistakes.map(({ rule }) => rule));
  const left = sides.flatMap(rulesOf).filter((rule) => !broken.has(rule) && ruleOf(rule).unobservable === undefined);
  assert.deepEqual([...new Set(left)], []);
  assert.ok(mistakes.length >= 20);
});
