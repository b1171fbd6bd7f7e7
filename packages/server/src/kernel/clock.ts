// Time as the server sees it. Wall-clock microseconds come from the monotonic clock over a wall-clock origin, so that
// intervals never run backwards within a process.

/** Unix microseconds. */
export function nowUnixUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** Monotonic milliseconds. */
export function nowMonotonicMs(): number {
  return performance.now();
}
