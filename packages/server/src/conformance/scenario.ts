// A scenario is a situation of the contract, which the kit's server plays against one client.
import type { RuleId } from './rule.ts';
import type { Stage } from './stage.ts';

/** One situation. */
export interface Scenario {
  /** In kebab case; unique on its side. */
  readonly name: string;
  /** The situation, a clause without a full stop. */
  readonly about: string;
  /** The rules that it checks. Each of them is reached if the client does all of them. */
  readonly rules: readonly RuleId[];
  /** Frames that a publisher makes; 250 if absent. */
  readonly frames?: number;
  /** The stream's name is as long as it may be, which makes frames longer. */
  readonly longName?: true;
  /** It takes long, and is played only when it is asked for. */
  readonly slow?: true;
  /** Plays it. What the client does wrong goes into the stage's verdict. */
  play(stage: Stage): Promise<void>;
}

/** The two sides of the contract. */
export type Side = 'publish' | 'watch';
