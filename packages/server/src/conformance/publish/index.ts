// All scenarios for a broadcaster. The longest come first, so that parallel lanes end together.
import { connectionScenarios, type Party } from '../connection-scenarios.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { Broadcast } from './broadcast.ts';
import { broadcastScenarios } from './broadcast-scenarios.ts';
import { epochScenarios } from './epoch-scenarios.ts';
import { moveScenarios } from './move-scenarios.ts';
import { resendScenarios } from './resend-scenarios.ts';

export const publishScenarios: readonly Scenario[] = [
  ...resendScenarios,
  ...connectionScenarios(partyOf, 'B11'),
  ...broadcastScenarios,
  ...epochScenarios,
  ...moveScenarios,
];

function partyOf(stage: Stage): Party {
  const broadcast = new Broadcast(stage);
  return {
    begin: async () => (await broadcast.begin()).connection,
    answer: (connection) => broadcast.answer(connection),
  };
}
