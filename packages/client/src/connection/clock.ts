// The time that captures, round trips and deadlines are measured with: monotonic, unrelated to the wall clock.

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds, with fractions, from any fixed moment. */
  nowMs(): number;
}

/** performance.now(): every browser's and Node's monotonic clock. */
export const monotonicClock: Clock = { nowMs: () => performance.now() };
