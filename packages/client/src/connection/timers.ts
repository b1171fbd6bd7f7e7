// The timers and the wall clock of a connection, as one value, so that tests can pass time
// themselves.

/** Cancels a timer. Does nothing if the timer has run. */
export type CancelTimer = () => void;

/** Timers and the wall clock. */
export interface Timers {
  /** Calls `run` once, after `delayMs` (at most 2^31 - 1). */
  after(delayMs: number, run: () => void): CancelTimer;
  /** Unix microseconds, for comparison with the expiry of tokens. */
  nowUnixUs(): number;
}

/** The timers of browsers and Node. */
export const systemTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  nowUnixUs: () => Date.now() * 1000,
};
