// In: a condition that becomes true some time after an action. Out: the value that made it true.
// Tests wait with this alone: they never sleep for a guessed time and never assert how long a thing took. The time limit
// only ends a run that would hang; its error says what was awaited and what the last attempt threw.
import { setTimeout as wait } from 'node:timers/promises';

const pauseMsMax = 50;
/**
 * Calls `condition` again and again until it returns something other than undefined, null or false, and returns that.
 * A condition that throws counts as "not yet" (a server that does not listen yet refuses); what it threw last becomes the
 * `cause` of the final error.
 *
 * @param what names what is awaited, for the error: "the third segment on disk"
 */
export const poll = async (what, condition, options = {}) => {
  const timeoutMs = options.timeoutMs ?? 20_000;
  const deadline = performance.now() + timeoutMs;
  let cause;
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
