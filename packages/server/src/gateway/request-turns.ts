// Requests take turns with everything else that this process does. In: requests, as they are read. Out: a few of them in each turn of
// the event loop, in order; the rest waits, up to a bound. So however many come at once, frames are never held up by more than these few.

/** Requests begun in one turn. */
const TURN_REQUESTS_MAX = 8;
/** Requests that may wait. */
const WAITING_MAX = 1_000;

/** The order of requests. */
export class RequestTurns {
  readonly #waiting: (() => void)[] = [];
  #begun = 0;

  /** Begins a request now or in one of the next turns. False: too many wait. */
  pass(begin: () => void): boolean {
    if (this.#begun < TURN_REQUESTS_MAX && this.#waiting.length === 0) this.#begin(begin);
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(begin);
    else return false;
    return true;
  }

  #begin(begin: () => void): void {
    if (this.#begun++ === 0) setImmediate(() => this.#turn());
    begin();
  }

  #turn(): void {
    this.#begun = 0;
    for (const begin of this.#waiting.splice(0, TURN_REQUESTS_MAX)) this.#begin(begin);
  }
}
