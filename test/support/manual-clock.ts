// A clock for tests: time passes only when the test says so, and timers run in the order in which
// they are due.
import { type CancelTimer, type Clock, systemClock } from '../../packages/server/src/kernel/clock.ts';

/** Starts at 0. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  nowWallMs(): number {
    return this.#nowMs;
  }

  nowUnixUs(): number {
    return this.#nowMs * 1000;
  }

  soon(run: () => void): CancelTimer {
    return systemClock.soon(run);
  }

  after(delayMs: number, run: () => void): CancelTimer {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /**
   * Advances to the time at which the next timer is due and runs that timer. Does nothing if there
   * is none.
   */
  next(): void {
    const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
    if (next !== undefined) this.#run(next);
  }

  #run(timer: { atMs: number; run: () => void }): void {
    this.#timers.delete(timer);
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.run();
  }

  /** Advances by `ms` and runs all timers due by then, including those that these timers add. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#run(next);
    }
    this.#nowMs = endMs;
  }
}
