import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Gate } from './gate.ts';

test('no more than the bound is inside, or one alone that is larger; all pass in order of arrival', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(50), { maxLength: 30 }),
      fc.integer({ min: 1, max: 60 }),
      fc.scheduler(),
      async (sizes, bound, scheduler) => {
        const gate = new Gate(bound);
        let inside = 0;
        let weight = 0;
        const entered: number[] = [];
        const passing = sizes.map((size, i) =>
          gate
            .pass(size, async () => {
              entered.push(i);
              inside++;
              weight += size;
              assert.ok(gate.weight >= weight);
              assert.ok(weight <= bound || weight === size, `${weight} of ${bound}, ${inside} inside`);
              await scheduler.schedule(Promise.resolve());
              inside--;
              weight -= size;
              if (size % 7 === 3) throw new Error(`${i}`);
              return i;
            })
            .catch((error: Error) => Number(error.message)),
        );
        const results = await scheduler.waitFor(Promise.all(passing));
        const order = sizes.map((_, i) => i);
        assert.deepEqual([results, entered], [order, order]);
        assert.equal(gate.weight, 0);
      },
    ),
  );
});
