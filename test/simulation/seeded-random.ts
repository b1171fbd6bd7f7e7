// Random numbers from a seed. A simulation takes every random choice from here, so its seed
// determines all of it.
import { seededNumbers } from '../support/archive-broadcast.ts';

/** The draws of one simulation. */
export class SeededRandom {
  readonly #next: (below: number) => number;

  /** `seed`: an integer. Neighbouring seeds give different draws from the first one on. */
  constructor(seed: number) {
    this.#next = seededNumbers(Math.imul(seed + 1, 0x9e3779b1));
    for (let i = 0; i < 8; i++) this.#next(2);
  }

  /** From 0 to before 1. */
  readonly unit = (): number => this.#next(2 ** 32) / 2 ** 32;

  /** A number from `low` to before `high`. */
  between(low: number, high: number): number {
    return low + this.unit() * (high - low);
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of `choices`, which must not be empty. */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(0, choices.length - 1)];
    if (choice === undefined) throw new RangeError('there is nothing to choose from');
    return choice;
  }
}
