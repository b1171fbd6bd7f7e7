// Runs a scenario with many seeds. In: the scenario, and seeds that once found a fault. Out: one
// failure that names its seed. HAYATE_TEST_SEED runs that seed alone, so that a failure can be
// looked into.
import type { TestContext } from 'node:test';
import { seededNumbers } from '../archive-broadcast.ts';
import type { TestScope } from '../clean-up.ts';
import type { Draw } from './disk-model.ts';

/** How many new seeds a run of the tests tries. */
const RUNS = 120;

/** Calls `run` with each seed; what it opens with `scope` is closed before the next one. */
export async function eachSeed(
  t: TestContext,
  found: readonly number[],
  run: (scope: TestScope, draw: Draw) => Promise<void>,
  runs = RUNS,
): Promise<void> {
  const chosen = process.env.HAYATE_TEST_SEED;
  const first = Date.now() % 2 ** 31;
  const seeds = chosen === undefined ? [...found, ...Array.from({ length: runs }, (_, index) => first + index)] : [Number(chosen)];
  t.diagnostic(`seeds ${seeds[0]} to ${seeds.at(-1)}; HAYATE_TEST_SEED=N runs one`);
  for (const seed of seeds) {
    try {
      await withScope((scope) => run(scope, drawsOf(seed)));
    } catch (cause) {
      throw new Error(`HAYATE_TEST_SEED=${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

/** The draws of a seed. Neighbouring seeds differ from the first draw on. */
export function drawsOf(seed: number): Draw {
  const draw = seededNumbers(Math.imul(seed + 1, 0x9e3779b1));
  for (let index = 0; index < 8; index++) draw(2);
  return draw;
}

/** Runs `run` and then closes what it opened with the scope. */
export async function withScope<T>(run: (scope: TestScope) => Promise<T>): Promise<T> {
  const actions: (() => void | Promise<void>)[] = [];
  try {
    return await run({ after: (action) => actions.push(action) });
  } finally {
    for (const action of actions.reverse()) await action();
  }
}
