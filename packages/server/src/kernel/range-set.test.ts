// RangeSet against a plain Set of numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RangeSet } from './range-set.ts';

test('a range set holds what a set of numbers holds, in sorted runs that neither touch nor overlap', () => {
  const range = fc.tuple(fc.nat(60), fc.nat(8)).map(([first, length]) => ({ first, last: first + length }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), (ranges) => {
      const numbers = new Set<number>();
      const set = new RangeSet();
      for (const { first, last } of ranges) {
        let fresh = false;
        for (let number = first; number <= last; number++) {
          fresh ||= !numbers.has(number);
          numbers.add(number);
        }
        assert.equal(set.add(first, last), fresh);
      }
      for (let number = 0; number <= 70; number++) {
        assert.equal(set.has(number), numbers.has(number));
        let missing = number;
        while (numbers.has(missing)) missing++;
        assert.equal(set.nextMissing(number), missing);
      }
      const held = set.ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
      assert.deepEqual(
        held,
        [...numbers].toSorted((a, b) => a - b),
      );
      for (const [index, next] of set.ranges.slice(1).entries()) assert.ok((set.ranges[index]?.last ?? 0) + 1 < next.first);
    }),
  );
});

test('a cleared range set is empty', () => {
  const set = new RangeSet();
  set.add(3, 9);
  set.clear();
  assert.equal(set.has(5), false);
  assert.deepEqual(set.ranges, []);
});
