// Long work in short slices, so that whatever shares the process gets its turn.
import { setImmediate as giveWay } from 'node:timers/promises';
import { nowMonotonicMs } from './clock.ts';

/** After so much work in one go it is the others' turn. */
const SLICE_MS = 5;

/** One piece of work's own measure of time. */
export class Pace {
  #sinceMs = nowMonotonicMs();

  /** Begins a slice: something was waited for. */
  begin(): void {
    this.#sinceMs = nowMonotonicMs();
  }

  /** Whether the slice is over: then await `giveWay`. */
  get over(): boolean {
    return nowMonotonicMs() - this.#sinceMs >= SLICE_MS;
  }

  /** Lets others have their turn, and begins a slice. */
  async giveWay(): Promise<void> {
    await giveWay();
    this.begin();
  }
}
