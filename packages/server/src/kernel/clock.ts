// Time as the server sees it. Wall-clock microseconds come from the monotonic clock over a wall-clock origin, so that
// intervals never run backwards within a process. The live path takes its clock as a value, so that a simulation can
// give it another.

/** Ends a timer; harmless when it has run. */
export type CancelTimer = () => void;

/** The time, and calls that it brings. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Unix microseconds. */
  nowUnixUs(): number;
  /** Calls `run` once, after `delayMs`. */
  after(delayMs: number, run: () => void): CancelTimer;
  /** Calls `run` once, after what has already arrived at this process has been read: what looks like silence may be our own pause. */
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

/** The process's own clock. */
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
 * Calls `run` every `intervalMs` until cancelled, each time after what has already arrived has been read. After a pause of the
 * process (SIGSTOP, a suspended machine) peers are judged by what they sent, not by how long nobody read it.
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
