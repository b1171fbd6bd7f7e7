import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryBudget } from './memory-budget.ts';

const never = new AbortController().signal;
const unobserved = { waits: () => undefined, holds: () => undefined };

test('beyond the budget only the share that holds most continues, until it is empty', async () => {
  const elected: string[] = [];
  let waits = 0;
  const budget = new MemoryBudget(100, { ...unobserved, waits: () => waits++ });
  const small = budget.join(() => elected.push('small'));
  const large = budget.join(() => elected.push('large'));
  small.hold(40);
  large.hold(59);
  assert.ok(small.open && large.open, 'there is room');
  large.hold(70);
  assert.ok(!small.open && large.open);
  const waiting = small.wait(never);
  large.hold(5_000);
  assert.ok(large.open, 'until the end of its cut');
  large.hold(0);
  await waiting;
  assert.ok(small.open);
  assert.deepEqual([elected, waits, budget.heldBytes], [['large'], 1, 40]);
});

test('a share that leaves, or a signal that aborts, leaves no share waiting forever', async () => {
  const budget = new MemoryBudget(10, unobserved);
  const [first, second] = [budget.join(() => undefined), budget.join(() => undefined)];
  first.hold(50);
  second.hold(20);
  const aborting = new AbortController();
  const aborted = second.wait(aborting.signal);
  aborting.abort();
  await aborted;
  const waiting = second.wait(never);
  first.leave();
  await waiting;
  assert.ok(second.open, 'still beyond the budget, but the one that holds most continues');
});

test('partitions that gather and store in any order all end, and hold at most the budget, one cut and a piece each', async () => {
  const cut = fc.record({ pieces: fc.integer({ min: 1, max: 12 }), size: fc.integer({ min: 1, max: 30 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(cut, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 200 }),
      fc.scheduler(),
      async (partitions, bytesMax, scheduler) => {
        let heldMax = 0;
        const budget = new MemoryBudget(bytesMax, { ...unobserved, holds: (bytes) => (heldMax = Math.max(heldMax, bytes)) });
        const runs = partitions.map(async (cuts) => {
          const share = budget.join(() => undefined);
          for (const { pieces, size } of cuts) {
            for (let i = 1; i <= pieces; i++) {
              await scheduler.schedule(Promise.resolve());
              if (!share.open) await share.wait(never);
              share.hold(i * size);
            }
            await scheduler.schedule(Promise.resolve());
            share.hold(0);
          }
          share.leave();
        });
        const done = Promise.all(runs);
        await scheduler.waitFor(done);
        const cutMax = Math.max(...partitions.flat().map(({ pieces, size }) => pieces * size));
        const pieces = partitions.reduce((sum, cuts) => sum + Math.max(...cuts.map(({ size }) => size)), 0);
        assert.ok(heldMax <= bytesMax + cutMax + pieces, `${heldMax} of ${bytesMax} + ${cutMax} + ${pieces}`);
        assert.equal(budget.heldBytes, 0);
      },
    ),
  );
});
