// Every scenario of both sides, in the order in which they are played: those that take longest first.
import { broadcastScenarios } from './publish/broadcast-scenarios.ts';
import type { Scenario, Side } from './scenario.ts';

/** The scenarios of each side. */
export const scenariosOf: Readonly<Record<Side, readonly Scenario[]>> = {
  publish: [...broadcastScenarios],
  watch: [],
};
