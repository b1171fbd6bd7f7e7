// The SDK passes every rule of the contract, in the conformance kit: its Broadcaster and its Viewer
// as programs of their own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { rulesOf } from '../../../packages/server/src/conformance/report.ts';
import { ruleOf } from '../../../packages/server/src/conformance/rule.ts';
import type { Side } from '../../../packages/server/src/conformance/scenario.ts';
import { runKit } from './kit-run.ts';

for (const side of ['publish', 'watch'] satisfies Side[]) {
  test(`the SDK keeps every rule in every scenario of ${side}`, async (t) => {
    const driver = fileURLToPath(new URL(`sdk-${side}.ts`, import.meta.url));
    const { broken, results } = await runKit(t, {
      side,
      command: [process.execPath, '--disable-warning=ExperimentalWarning', driver],
      jobs: 10,
    });
    assert.deepEqual(broken, []);
    const passed = new Set(
      results.flatMap(({ results: found }) => found.flatMap(({ rule, outcome }) => (outcome === 'passed' ? [rule] : []))),
    );
    const unpassed = rulesOf(side).filter((rule) => !passed.has(rule) && ruleOf(rule).unobservable === undefined);
    assert.deepEqual(unpassed, [], 'rules that no scenario reached');
  });
}
