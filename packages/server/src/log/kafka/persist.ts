// Retries a call until it has an answer: temporary errors are waited for, all others are thrown.
import { setTimeout as wait } from 'node:timers/promises';
import { faultOf, isPassing } from './fault.ts';

const RETRY_MS = 100;

/**
 * Makes `call` until it succeeds or fails permanently. `recover` runs before each retry, such as to
 * look up the leader; its error also ends the retries. Rejects with the signal's reason when it
 * aborts.
 */
export async function persist<R>(call: () => Promise<R>, recover: () => Promise<unknown>, signal: AbortSignal): Promise<R> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (!isPassing(faultOf(error))) throw error;
    }
    await wait(RETRY_MS, undefined, { signal });
    await recover();
  }
}
