// In: a condition that becomes true some time after an action. Out: the value that made it true.
// Tests wait only with this function: they never sleep for a guessed time and never assert how long
// something took. The time limit only ends a run that would hang; its error names the awaited
// condition and the error of the last attempt.
import { setTimeout as wait } from 'node:timers/promises';

/** Limits of a `poll`. */
export type PollOptions = {
  /** After this many milliseconds it gives up with an error. Default 20,000. */
  readonly timeoutMs?: number;
  /**
   * Longest pause between two attempts, in milliseconds; raise it where an attempt is expensive.
   * Default 50.
   */
  readonly pauseMsMax?: number;
};

/** Values that a condition may return for "not yet". */
type NotYet = undefined | null | false;

/**
 * Calls `condition` repeatedly until it returns something other than undefined, null or false, and
 * returns that. A condition that throws counts as "not yet" (a server that does not listen yet
 * refuses). The last error thrown becomes the `cause` of the final error.
 *
 * @param what names the awaited condition for the error: "the third segment on disk"
 */
export const poll = async <T>(what: string, condition: () => T | NotYet | Promise<T | NotYet>, options: PollOptions = {}): Promise<T> => {
  const { timeoutMs = 20_000, pauseMsMax = 50 } = options;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`gave up after ${timeoutMs} ms waiting for ${what}`, { cause });
    await wait(pauseMs);
  }
};
