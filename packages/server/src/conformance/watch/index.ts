// All scenarios for a viewer. The longest come first, so that parallel lanes end together.
import { connectionScenarios, type Party } from '../connection-scenarios.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { joiningScenarios } from './joining-scenarios.ts';
import { orderScenarios } from './order-scenarios.ts';
import { receiptScenarios } from './receipt-scenarios.ts';
import { returnScenarios } from './return-scenarios.ts';
import { Viewing } from './viewing.ts';

export const watchScenarios: readonly Scenario[] = [
  ...receiptScenarios,
  ...joiningScenarios,
  ...connectionScenarios(partyOf),
  ...orderScenarios,
  ...returnScenarios,
];

function partyOf(stage: Stage): Party {
  const viewing = new Viewing(stage);
  return {
    begin: () => viewing.begin(),
    answer: (connection) => viewing.watching(connection),
  };
}
