// Runs the conformance kit for a test, without its command line: a client's command and a choice of scenarios in, results out.
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { scenariosOf } from '../../../packages/server/src/conformance/index.ts';
import type { RuleId } from '../../../packages/server/src/conformance/rule.ts';
import { runScenarios, type ScenarioResult } from '../../../packages/server/src/conformance/run.ts';
import type { Side } from '../../../packages/server/src/conformance/scenario.ts';

export interface KitRun {
  readonly side: Side;
  readonly command: readonly string[];
  /** All but the slow ones if absent. */
  readonly scenarios?: readonly string[];
  readonly jobs?: number;
}

/** Plays scenarios against `command`, which end with the test. */
export async function runKit(t: TestContext, { side, command, scenarios, jobs = 8 }: KitRun): Promise<ScenarioResult[]> {
  const known = scenariosOf[side];
  const chosen = known.filter(({ name, slow }) => (scenarios === undefined ? slow !== true : scenarios.includes(name)));
  if (scenarios !== undefined && chosen.length !== scenarios.length) throw new Error(`not all of ${scenarios.join(', ')} are scenarios`);
  const seed = randomInt(2 ** 32);
  t.diagnostic(`seed ${seed}`);
  return runScenarios({
    side,
    scenarios: chosen,
    seed,
    host: '127.0.0.1',
    port: 0,
    command,
    jobs,
    invite: () => undefined,
    onResult: () => undefined,
    interrupted: t.signal,
  });
}

/** The rules that were broken, each with what was seen. */
export function broken(results: readonly ScenarioResult[]): { rule: RuleId; finding: string }[] {
  return results.flatMap(({ scenario, results: found, errorLines }) =>
    found
      .filter(({ outcome }) => outcome === 'failed')
      .map(({ rule, findings }) => ({ rule, finding: `${scenario.name}: ${findings.join('; ')} ${errorLines.at(-1) ?? ''}` })),
  );
}
