// Time as the server sees it. Wall-clock microseconds are the monotonic clock plus a wall-clock
// origin, so that time never runs backwards within a process. Everything that serves clients takes
// its clock as a value, so that a simulation can pass another.

/** Cancels a timer; does nothing if it has run. */
export type CancelTimer = () => void;

/** The time, and timers. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Unix microseconds, as a monotonic clock. For times that this process writes. */
  nowUnixUs(): number;
  /**
   * Unix milliseconds by the machine's wall clock, which may be set while the process runs. For
   * times that others wrote, such as the expiry of a token.
   */
  nowWallMs(): number;
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
  nowWallMs: Date.now,
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
 * Calls `run` once, after `delayMs` and after the data that has arrived by then has been read. So
 * after a pause of the process, a peer is judged by what it sent.
 */
export function afterReading(clock: Clock, delayMs: number, run: () => void): CancelTimer {
  let cancel = clock.after(delayMs, () => {
    cancel = clock.soon(run);
  });
  return () => cancel();
}

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
