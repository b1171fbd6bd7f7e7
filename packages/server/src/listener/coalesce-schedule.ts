// When the streams of one listener write what they have gathered: a queue in the order in which they began to gather, and
// one timer for all of them. The time spent writing decides how long they gather; see coalesce.ts.
import type { CancelTimer, Clock } from '../kernel/clock.ts';
import { BusyMeter, type CoalesceLevel, type CoalesceOptions, coalesceDelayMs, coalesceLevel } from './coalesce.ts';

/** What has frames to write. */
export interface Gathering {
  /** Writes what has been gathered; harmless if that is nothing. */
  flush(): void;
}

/** The schedule of one process. */
export class CoalesceSchedule {
  readonly #clock: Clock;
  readonly #options: CoalesceOptions;
  readonly #busy = new BusyMeter();
  /** Oldest first; what has been written is behind `#next`. */
  #queue: { gathering: Gathering; sinceMs: number }[] = [];
  #next = 0;
  #level: CoalesceLevel = 0;
  #wake: { cancel: CancelTimer; atMs: number } | undefined;

  constructor(clock: Clock, options: CoalesceOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** How long is gathered now, milliseconds. */
  get delayMs(): number {
    return coalesceDelayMs(this.#level, this.#options);
  }

  /** Queues what has begun to gather. It is flushed once. */
  add(gathering: Gathering): void {
    const nowMs = this.#clock.nowMs();
    this.#queue.push({ gathering, sinceMs: nowMs });
    this.#measure(nowMs);
    this.#arm(nowMs);
  }

  /** Flushes nothing any more. */
  close(): void {
    this.#wake?.cancel();
    this.#queue = [];
    this.#next = 0;
  }

  #arm(nowMs: number): void {
    const first = this.#queue[this.#next];
    if (first === undefined) return;
    const atMs = first.sinceMs + this.delayMs;
    if (this.#wake !== undefined) {
      if (this.#wake.atMs <= atMs) return;
      this.#wake.cancel();
    }
    const run = () => this.#run();
    this.#wake = { cancel: atMs <= nowMs ? this.#clock.soon(run) : this.#clock.after(atMs - nowMs, run), atMs };
  }

  #run(): void {
    this.#wake = undefined;
    const startMs = this.#clock.nowMs();
    const dueMs = startMs - this.delayMs;
    for (let first = this.#queue[this.#next]; first !== undefined && first.sinceMs <= dueMs; first = this.#queue[this.#next]) {
      this.#next++;
      first.gathering.flush();
    }
    if (this.#next === this.#queue.length) this.#queue = [];
    else this.#queue.splice(0, this.#next);
    this.#next = 0;
    const endMs = this.#clock.nowMs();
    this.#busy.add(startMs, endMs);
    this.#measure(endMs);
    this.#arm(endMs);
  }

  #measure(nowMs: number): void {
    this.#level = coalesceLevel(this.#busy.share(nowMs), this.#level);
  }
}
