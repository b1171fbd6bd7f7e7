// Splits long work into short slices, so that other work in the process gets its turn.
import { setImmediate as giveWay } from 'node:timers/promises';
import { nowMonotonicMs } from './clock.ts';

/** The length of a slice. After it, other work gets its turn. */
const SLICE_MS = 5;

/** Measures the slices of one piece of work. */
export class Pace {
  #sinceMs = nowMonotonicMs();

  /** Begins a slice. Call it after the work has waited for something. */
  begin(): void {
    this.#sinceMs = nowMonotonicMs();
  }

  /** Whether the slice is over. The caller then awaits `giveWay`. */
  get over(): boolean {
    return nowMonotonicMs() - this.#sinceMs >= SLICE_MS;
  }

  /** Lets other work run, and begins a new slice. */
  async giveWay(): Promise<void> {
    await giveWay();
    this.begin();
  }
}
