// A scenario is a situation of the contract, which the kit's server plays against one client.
import type { RuleId } from './rule.ts';
import type { Stage } from './stage.ts';

/** One situation. */
export interface Scenario {
  /** In kebab case, unique on its side. */
  readonly name: string;
  /** A description of the situation: a clause without a full stop. */
  readonly about: string;
  /** The rules that it checks. A client that keeps all of them reaches each of them. */
  readonly rules: readonly RuleId[];
  /** Number of frames that a publisher makes; 250 if absent. */
  readonly frames?: number;
  /** Gives the stream a name of maximum length, which makes frames longer. */
  readonly longName?: true;
  /** The scenario takes long, and is played only on request. */
  readonly slow?: true;
  /** Plays the scenario. The client's faults go into the verdict of the stage. */
  play(stage: Stage): Promise<void>;
}

/** The two sides of the contract. */
export type Side = 'publish' | 'watch';
