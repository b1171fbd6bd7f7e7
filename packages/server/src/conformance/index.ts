// All scenarios of both sides, in the order in which they are played.
import { publishScenarios } from './publish/index.ts';
import type { Scenario, Side } from './scenario.ts';
import { watchScenarios } from './watch/index.ts';

/** The scenarios of each side. */
export const scenariosOf: Readonly<Record<Side, readonly Scenario[]>> = {
  publish: publishScenarios,
  watch: watchScenarios,
};
