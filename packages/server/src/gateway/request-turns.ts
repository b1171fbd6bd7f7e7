// Makes requests take turns with all other work of this process. In: requests, as they are read.
// Out: a few of them in each turn of the event loop, in order; the others wait, up to a bound.
// However many requests arrive at once, they never delay frames by more than these few.

import type { Clock } from '../kernel/clock.ts';

/** Requests begun in one turn. */
const TURN_REQUESTS_MAX = 8;
/** Maximum number of requests that wait. */
const WAITING_MAX = 1_000;

/** The queue of requests. */
export class RequestTurns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #begun = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins a request now or in one of the next turns. False: too many are waiting. */
  pass(begin: () => void): boolean {
    if (this.#begun < TURN_REQUESTS_MAX && this.#waiting.length === 0) this.#begin(begin);
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(begin);
    else return false;
    return true;
  }

  #begin(begin: () => void): void {
    if (this.#begun++ === 0) this.#clock.soon(() => this.#turn());
    begin();
  }

  #turn(): void {
    this.#begun = 0;
    for (const begin of this.#waiting.splice(0, TURN_REQUESTS_MAX)) this.#begin(begin);
  }
}
