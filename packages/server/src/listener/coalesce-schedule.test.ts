import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../kernel/clock.ts';
import type { CoalesceOptions } from './coalesce.ts';
import { CoalesceSchedule } from './coalesce-schedule.ts';

/** A clock that the test advances by hand. */
class ManualClock implements Clock {
  ms = 0;
  #calls: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.ms;
  }

  nowWallMs(): number {
    return this.ms;
  }

  nowUnixUs(): number {
    return this.ms * 1_000;
  }

  after(delayMs: number, run: () => void): () => void {
    const call = { atMs: this.ms + delayMs, run };
    this.#calls.push(call);
    return () => {
      this.#calls = this.#calls.filter((one) => one !== call);
    };
  }

  soon(run: () => void): () => void {
    return this.after(0, run);
  }

  /** The number of outstanding calls. */
  get timers(): number {
    return this.#calls.length;
  }

  /** Advances the clock to `ms` and runs every call that becomes due. */
  turnTo(ms: number): void {
    for (;;) {
      const due = this.#calls.filter(({ atMs }) => atMs <= ms).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#calls = this.#calls.filter((one) => one !== due);
      this.ms = Math.max(this.ms, due.atMs);
      due.run();
    }
    this.ms = Math.max(this.ms, ms);
  }
}

/** A schedule whose flushes take `costMs` each, and a list of what was flushed and when. */
function schedule(over: Partial<CoalesceOptions> = {}, costMs = 0) {
  const clock = new ManualClock();
  const flushed: [string, number][] = [];
  const queue = new CoalesceSchedule(clock, { coalesceMs: 25, coalesceMaxMs: 100, coalesce: 'busy', ...over });
  const add = (name: string) =>
    queue.add({
      flush: () => {
        flushed.push([name, clock.ms]);
        clock.ms += costMs;
      },
    });
  return { clock, queue, flushed, add };
}

test('while idle, all frames of one turn are written together at its end', () => {
  const { clock, flushed, add } = schedule();
  add('a');
  add('b');
  assert.deepEqual(flushed, []);
  assert.equal(clock.timers, 1);
  clock.turnTo(0);
  assert.deepEqual(flushed, [
    ['a', 0],
    ['b', 0],
  ]);
  assert.equal(clock.timers, 0);
});

test('one timer flushes each stream a delay after its first frame', () => {
  const { clock, flushed, add } = schedule({ coalesce: 'always' });
  add('a');
  clock.turnTo(10);
  add('b');
  assert.equal(clock.timers, 1);
  clock.turnTo(12);
  add('c');
  clock.turnTo(100);
  assert.deepEqual(flushed, [
    ['a', 25],
    ['b', 35],
    ['c', 37],
  ]);
});

test('writing that takes much of the time turns gathering on, and it is turned off afterwards', () => {
  const { clock, queue, flushed, add } = schedule({}, 12);
  for (let ms = 0; ms < 1_000; ms += 20) {
    clock.turnTo(ms);
    add('a');
  }
  assert.ok(queue.delayMs >= 25, `${queue.delayMs} ms`);
  clock.turnTo(5_000);
  add('b');
  assert.equal(queue.delayMs, 0);
  clock.turnTo(5_000);
  assert.deepEqual(flushed.at(-1), ['b', 5_000]);
});

test('frames that wait when the delay falls are flushed after the new delay', () => {
  const { clock, flushed, queue, add } = schedule({ coalesceMs: 100 }, 60);
  for (let i = 0; i < 4; i++) {
    add('x');
    clock.turnTo(clock.ms + 100);
  }
  assert.ok(queue.delayMs > 0);
  clock.turnTo(4_000);
  add('late');
  clock.turnTo(4_000);
  assert.deepEqual(flushed.at(-1), ['late', 4_000]);
});

test('a closed schedule flushes nothing', () => {
  const { clock, queue, flushed, add } = schedule();
  add('a');
  queue.close();
  clock.turnTo(1_000);
  assert.deepEqual(flushed, []);
});
