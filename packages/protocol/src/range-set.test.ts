// Compares RangeSet with a plain Set of numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RangeSet } from './range-set.ts';

const step = fc.record({ add: fc.boolean(), first: fc.nat(60), length: fc.integer({ min: 0, max: 20 }) });

test('a range set holds the same numbers as a plain set, in disjoint ranges that do not touch', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const ranges = new RangeSet();
      const plain = new Set<number>();
      for (const { add, first, length } of steps) {
        const numbers = Array.from({ length }, (_, i) => first + i);
        if (add) {
          const fresh = numbers.some((number) => !plain.has(number));
          assert.equal(ranges.add(first, first + length - 1), fresh);
          for (const number of numbers) plain.add(number);
        } else {
          const held = numbers.filter((number) => plain.delete(number)).length;
          assert.equal(ranges.remove(first, first + length - 1), held);
        }
      }
      const listed = ranges.ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
      assert.deepEqual(
        listed,
        [...plain].sort((a, b) => a - b),
      );
      assert.equal(ranges.size, plain.size);
      for (let number = 0; number < 90; number++) {
        assert.equal(ranges.has(number), plain.has(number));
        let missing = number;
        while (plain.has(missing)) missing++;
        assert.equal(ranges.nextMissing(number), missing);
      }
      const all = ranges.ranges;
      for (let i = 1; i < all.length; i++) assert.ok((all[i]?.first ?? 0) > (all[i - 1]?.last ?? 0) + 1);
    }),
  );
});

test('a cleared range set is empty, and a single number makes a range', () => {
  const ranges = new RangeSet();
  ranges.add(3);
  assert.deepEqual(ranges.ranges, [{ first: 3, last: 3 }]);
  ranges.clear();
  assert.equal(ranges.has(3), false);
  assert.equal(ranges.size, 0);
});
