// A call in, its answer out, however often it takes: what passes by itself is waited for, what does not is thrown.
import { setTimeout as wait } from 'node:timers/promises';
import { faultOf, isPassing } from './fault.ts';

const RETRY_MS = 100;

/**
 * Makes `call` until it succeeds or fails for good. `mend` runs before each new try (asking where the leader is now); what it
 * throws ends the tries, too. Rejects with the signal's reason when it aborts.
 */
export async function persist<R>(call: () => Promise<R>, mend: () => Promise<unknown>, signal: AbortSignal): Promise<R> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (!isPassing(faultOf(error))) throw error;
    }
    await wait(RETRY_MS, undefined, { signal });
    await mend();
  }
}
