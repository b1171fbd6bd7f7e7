// The monotonic clock for captures, round trips and deadlines; unrelated to the wall clock.

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds, with fractions, from any fixed moment. */
  nowMs(): number;
}

/** performance.now(): every browser's and Node's monotonic clock. */
export const monotonicClock: Clock = { nowMs: () => performance.now() };
