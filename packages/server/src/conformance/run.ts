// Plays scenarios: one after another for a client that a person starts by hand, several at once for
// a program. In: the scenarios, and how to start the client. Out: the findings of each, in the
// order of the scenarios.
import { randomBytes } from 'node:crypto';
import { PATHS } from '@hayate/protocol';
import { signToken } from '../auth/sign-token.ts';
import { HayateError } from '../kernel/error.ts';
import { SeededRandom } from './random.ts';
import type { Scenario, Side } from './scenario.ts';
import { type Invitation, SceneOver, Stage } from './stage.ts';
import { type RuleResult, Verdict } from './verdict.ts';

/** The results of one scenario. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly results: readonly RuleResult[];
  readonly seconds: number;
  /** The last lines of the program's standard error, if a rule was broken. */
  readonly errorLines: readonly string[];
}

interface RunOptions {
  readonly side: Side;
  readonly scenarios: readonly Scenario[];
  readonly seed: number;
  readonly host: string;
  /**
   * 0: any free port for each scenario. Otherwise, scenarios that run at the same time use this
   * port and the following ones.
   */
  readonly port: number;
  /** The program under test and its arguments; undefined: a person connects a client by hand. */
  readonly command: readonly string[] | undefined;
  /** Number of scenarios played at the same time; 1 without a program. */
  readonly jobs: number;
  readonly invite: (scenario: Scenario, invitation: Invitation) => void;
  readonly onResult: (result: ScenarioResult) => void;
  readonly interrupted: AbortSignal;
}

/**
 * Plays all scenarios. Rejects with HayateError CONFIGURATION if the program cannot be started or a
 * port cannot be opened.
 */
export async function runScenarios(options: RunOptions): Promise<ScenarioResult[]> {
  const found: (ScenarioResult | undefined)[] = options.scenarios.map(() => undefined);
  const secret = randomBytes(32);
  const waiting = options.scenarios.entries();
  const lane = async (index: number): Promise<void> => {
    const port = options.port === 0 ? 0 : options.port + index;
    for (const [at, scenario] of waiting) {
      options.interrupted.throwIfAborted();
      const result = await playOne(scenario, { ...options, port, secret });
      found[at] = result;
      options.onResult(result);
    }
  };
  const lanes = options.command === undefined ? 1 : Math.min(options.jobs, options.scenarios.length);
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
  return found.filter((result) => result !== undefined);
}

async function playOne(scenario: Scenario, options: RunOptions & { secret: Uint8Array }): Promise<ScenarioResult> {
  const { side, host, port, seed, command, secret, interrupted } = options;
  const verdict = new Verdict();
  const stage = new Stage({
    host,
    port,
    path: PATHS[side],
    random: new SeededRandom(seed, scenario.name),
    verdict,
    scenario,
    token: async (stream) => (await signToken({ subject: 'conformance', grants: { [side]: [stream] } }, secret)).token,
    command,
    invite: (invitation) => options.invite(scenario, invitation),
    interrupted,
  });
  const startedMs = performance.now();
  try {
    await stage.open();
    await scenario.play(stage);
  } catch (error) {
    if (error instanceof HayateError || !(error instanceof SceneOver)) throw error;
  } finally {
    await stage.close();
  }
  if (command === undefined) for (const rule of ['I1', 'I2'] as const) verdict.skip(rule);
  const results = verdict.results(scenario.rules);
  return {
    scenario,
    results,
    seconds: (performance.now() - startedMs) / 1000,
    errorLines: verdict.failed ? (stage.program?.errorLines ?? []) : [],
  };
}
