// Time that passes as fast as events can run: a priority queue of due events. The same calls in the
// same order always run in the same order. At one instant timers run first, then arrivals, then the
// calls that wait for all arrivals, as in a turn of Node's event loop. Within each kind the earlier
// call runs first.
import type { CancelTimer } from '../../packages/server/src/kernel/clock.ts';

/** The kinds of events, in the order in which events of one instant run. */
export const Phase = { timer: 0, arrival: 1, soon: 2 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

interface Event {
  readonly atMs: number;
  readonly phase: Phase;
  readonly order: number;
  /** Undefined once cancelled. */
  run: (() => void) | undefined;
}

/** After each event, its promises get this many turns to take effect before the next event. */
const MICROTASK_TURNS = 16;
/** Node's own loop turns once in this many events, so that a test runner can still print. */
const EVENTS_PER_TURN = 20_000;

/** The time of one simulated world, in milliseconds from 0. */
export class VirtualTime {
  #nowMs = 0;
  #asked = 0;
  readonly #heap: Event[] = [];
  /** Number of events that have run. */
  events = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `run` once, at `atMs`, or now if that time has passed. */
  at(atMs: number, phase: Phase, run: () => void): CancelTimer {
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), phase, order: this.#asked++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /**
   * Runs due events until `untilMs`, or until `done` returns true after an event. Rejects with the
   * error that an event throws.
   */
  async advance(untilMs: number, done: () => boolean = () => false): Promise<void> {
    // Earlier calls take effect first, however many promises they need.
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      this.#nowMs = next.atMs;
      if (next.run === undefined) continue;
      next.run();
      this.events++;
      for (let turn = 0; turn < MICROTASK_TURNS; turn++) await undefined;
      if (this.events % EVENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      if (done()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs - b.atMs < 0 || (a.atMs === b.atMs && (a.phase - b.phase || a.order - b.order) < 0);
}
