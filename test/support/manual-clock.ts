// A clock for tests: time passes when the test says so, and timers run in the order in which they are due.
import { type CancelTimer, type Clock, systemClock } from '../../packages/server/src/kernel/clock.ts';

/** Starts at 0. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; run: () => void }>();

  nowMs(): number {
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

  /** Lets `ms` pass, and runs what is due, also what that adds. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }
}
