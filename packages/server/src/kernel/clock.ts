// Time as the server sees it. Wall-clock microseconds are the monotonic clock plus a wall-clock
// origin, so that time never runs backwards within a process. The live path takes its clock as a
// value, so that a simulation can pass another.

/** Cancels a timer; does nothing if it has run. */
export type CancelTimer = () => void;

/** The time, and timers. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Unix microseconds. */
  nowUnixUs(): number;
  /** Calls `run` once, after `delayMs`. */
  after(delayMs: number, run: () => void): CancelTimer;
  /**
   * Calls `run` once, after the data that has already arrived at this process has been read. An
   * apparent silence of a peer may be a pause of this process.
   */
  soon(run: () => void): CancelTimer;
}

/** Unix microseconds. */
export function nowUnixUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** Monotonic milliseconds. */
export function nowMonotonicMs(): number {
  return performance.now();
}

/** The clock of this process. */
export const systemClock: Clock = {
  nowMs: nowMonotonicMs,
  nowUnixUs,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  // Node reads sockets between its timers and its immediates.
  soon(run) {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  },
};

/**
 * Calls `run` every `intervalMs` until cancelled, each time after the data that has already arrived
 * has been read. So after a pause of the process (SIGSTOP, a suspended machine), peers are judged
 * by what they sent, not by how long it stayed unread.
 */
export function every(clock: Clock, intervalMs: number, run: () => void): CancelTimer {
  let cancelRun: CancelTimer = () => undefined;
  let cancelTurn = clock.after(intervalMs, turn);
  function turn(): void {
    cancelTurn = clock.after(intervalMs, turn);
    cancelRun = clock.soon(run);
  }
  return () => {
    cancelTurn();
    cancelRun();
  };
}
