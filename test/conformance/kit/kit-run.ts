// Runs the conformance kit for a test, without its command line: a client's command and a choice of
// scenarios in, results out.
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { scenariosOf } from '../../../packages/server/src/conformance/index.ts';
import type { RuleId } from '../../../packages/server/src/conformance/rule.ts';
import { runScenarios, type ScenarioResult } from '../../../packages/server/src/conformance/run.ts';
import type { Side } from '../../../packages/server/src/conformance/scenario.ts';

interface KitRun {
  readonly side: Side;
  readonly command: readonly string[];
  /** By default all scenarios except the slow ones. */
  readonly scenarios?: readonly string[];
  readonly jobs?: number;
}

/** A broken rule, and the finding that shows it. */
export interface Broken {
  readonly rule: RuleId;
  readonly finding: string;
}

/**
 * Plays scenarios against `command`, whose processes end with the test. Resolves to the broken
 * rules and all results.
 */
export async function runKit(
  t: TestContext,
  { side, command, scenarios, jobs = 8 }: KitRun,
): Promise<{ broken: Broken[]; results: ScenarioResult[] }> {
  const known = scenariosOf[side];
  const chosen = known.filter(({ name, slow }) => (scenarios === undefined ? slow !== true : scenarios.includes(name)));
  if (scenarios !== undefined && chosen.length !== scenarios.length) throw new Error(`not all of ${scenarios.join(', ')} are scenarios`);
  const seed = randomInt(2 ** 32);
  const results = await runScenarios({
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
  return { broken: brokenIn(results, seed), results };
}

function brokenIn(results: readonly ScenarioResult[], seed: number): Broken[] {
  return results.flatMap(({ scenario, results: found, errorLines }) =>
    found
      .filter(({ outcome }) => outcome === 'failed')
      .map(({ rule, findings }) => ({
        rule,
        finding: `${scenario.name}, seed ${seed}: ${findings.join('; ')} ${errorLines.at(-1) ?? ''}`,
      })),
  );
}

/** The command of the Python client in `folder`. */
export function pythonCommand(python: string, folder: string, side: Side): string[] {
  return ['env', `PYTHONPATH=${folder}`, 'PYTHONDONTWRITEBYTECODE=1', python, '-m', 'hayate_client.conformance', side];
}
