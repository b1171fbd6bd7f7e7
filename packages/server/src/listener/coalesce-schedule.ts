// Decides when the streams of one listener write the frames they have gathered. One queue holds the
// streams in the order in which they began to gather, and one timer serves them all. The share of
// time spent writing sets how long they gather; see coalesce.ts.
import type { CancelTimer, Clock } from '../kernel/clock.ts';
import { BusyMeter, type CoalesceLevel, type CoalesceOptions, coalesceDelayMs, coalesceLevel } from './coalesce.ts';

/** Something that gathers frames, to be written together. */
export interface Gathering {
  /** Writes the gathered frames. Does nothing if there are none. */
  flush(): void;
}

/** The schedule of one process. */
export class CoalesceSchedule {
  readonly #clock: Clock;
  readonly #options: CoalesceOptions;
  readonly #busy = new BusyMeter();
  /** Oldest first; entries before `#next` have been flushed. */
  #queue: { gathering: Gathering; sinceMs: number }[] = [];
  #next = 0;
  #level: CoalesceLevel = 0;
  #wake: { cancel: CancelTimer; atMs: number } | undefined;

  constructor(clock: Clock, options: CoalesceOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** How long frames are gathered now, in milliseconds. */
  get delayMs(): number {
    return coalesceDelayMs(this.#level, this.#options);
  }

  /** Queues something that has begun to gather. It is flushed once. */
  add(gathering: Gathering): void {
    const nowMs = this.#clock.nowMs();
    this.#queue.push({ gathering, sinceMs: nowMs });
    this.#measure(nowMs);
    this.#arm(nowMs);
  }

  /** Stops the timer; nothing is flushed after this. */
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
