// A server process in a simulated world: its own slightly inaccurate clock, and pauses. While it is
// paused (garbage collection, swapping) nothing in it runs. Afterwards the due timers run first,
// then arrived data, then the calls that waited for it. After a kill nothing in it runs again.
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import type { CancelTimer, Clock } from '../../packages/server/src/kernel/clock.ts';
import type { Context } from '../../packages/server/src/kernel/context.ts';
import type { SeededRandom } from './seeded-random.ts';
import { Phase, type VirtualTime } from './virtual-time.ts';

/** Unix milliseconds at virtual time 0. */
export const WORLD_BEGAN_UNIX_MS = 1_800_000_000_000;
/**
 * Node may call a timer up to a millisecond early by the monotonic clock, since it counts whole
 * milliseconds, and it may always call it late.
 */
const TIMER_EARLY_MS = 0.9;
const TIMER_LATE_MS = 1.5;

/** One process. */
export class SimulatedProcess {
  readonly name: string;
  readonly context: Context;
  /** Called when the process dies. */
  readonly deaths: (() => void)[] = [];
  alive = true;
  /** Milliseconds for which it has been paused so far. */
  pausedMs = 0;
  readonly #time: VirtualTime;
  readonly #timers = new Set<object>();
  #pausedUntilMs = 0;

  /** `failed` gets the errors that the process logs. */
  constructor(name: string, time: VirtualTime, random: SeededRandom, failed: (line: string) => void) {
    this.name = name;
    this.#time = time;
    const bornMs = random.between(0, 100_000);
    const skewMs = random.between(-20, 20);
    const clock: Clock = {
      nowMs: () => bornMs + time.nowMs,
      nowUnixUs: () => Math.round((WORLD_BEGAN_UNIX_MS + skewMs + time.nowMs) * 1_000),
      nowWallMs: () => Math.floor(WORLD_BEGAN_UNIX_MS + skewMs + time.nowMs),
      after: (delayMs, run) => this.#timer(Math.max(1, delayMs) + random.between(-TIMER_EARLY_MS, TIMER_LATE_MS), Phase.timer, run),
      soon: (run) => this.#timer(0, Phase.soon, run),
    };
    this.context = {
      logger: pino({ level: 'error', base: null }, { write: failed }),
      registry: new Registry(),
      clock,
      random: random.unit,
      incarnation: BigInt(random.integer(1, 2 ** 31)) * 2n ** 20n + 1n,
    };
  }

  /** Number of pending timers and calls. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Milliseconds until it runs again; 0 if it runs. */
  get pauseLeftMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#time.nowMs);
  }

  /** Delivers something that arrives now; the process takes it when it runs. */
  deliver(take: () => void): void {
    this.#enter(Phase.arrival, take);
  }

  /** Pauses the process for `durationMs`. */
  pause(durationMs: number): void {
    this.pausedMs += durationMs;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#time.nowMs) + durationMs;
  }

  kill(): void {
    this.alive = false;
    for (const died of this.deaths.splice(0)) died();
  }

  #timer(delayMs: number, phase: Phase, run: () => void): CancelTimer {
    const timer = {};
    if (!this.alive) return () => undefined;
    this.#timers.add(timer);
    this.#time.at(this.#time.nowMs + delayMs, phase, () =>
      this.#enter(phase, () => {
        if (this.#timers.delete(timer)) run();
      }),
    );
    return () => this.#timers.delete(timer);
  }

  #enter(phase: Phase, run: () => void): void {
    if (!this.alive) return;
    if (this.#time.nowMs < this.#pausedUntilMs) this.#time.at(this.#pausedUntilMs, phase, () => this.#enter(phase, run));
    else run();
  }
}
