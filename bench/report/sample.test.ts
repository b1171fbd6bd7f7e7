// Least squares recovers the coefficients that made the values, and quantiles are right at known
// places.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leastSquares, leastSquaresPositive, median, quantile, spread } from './sample.ts';

test('finds the coefficients from which the values were computed', () => {
  const rows = [
    [1, 1, 50],
    [1, 2, 100],
    [1, 2, 400],
    [1, 10, 500],
    [1, 4, 4],
  ];
  fc.assert(
    fc.property(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 })), (wanted) => {
      const found = leastSquares(
        rows,
        rows.map((row) => row.reduce((sum, value, i) => sum + value * (wanted[i] ?? 0), 0)),
      );
      for (const [i, value] of wanted.entries()) assert.ok(Math.abs((found[i] ?? Number.NaN) - value) < 1e-6, `${found} for ${wanted}`);
    }),
  );
});

test('refuses columns that are linearly dependent', () => {
  assert.throws(
    () =>
      leastSquares(
        [
          [1, 2],
          [2, 4],
          [3, 6],
        ],
        [1, 2, 3],
      ),
    /do not tell the unit costs apart/,
  );
});

test('a quantile is interpolated linearly between neighbours', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(quantile([10, 20], 0.25), 12.5);
  assert.equal(spread([1, 2, 3, 4, 5], 1), '2.0–4.0');
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('a coefficient that would be negative is 0, and the others are fitted without it', () => {
  // y = 2a - b. This is the best a without b.
  const rows = [
    [1, 0],
    [1, 1],
    [2, 1],
  ];
  const [a = Number.NaN, b] = leastSquaresPositive(rows, [2, 1, 3]);
  assert.equal(b, 0);
  assert.ok(Math.abs(a - 9 / 6) < 1e-9, String(a));
  const free = leastSquaresPositive(rows, [2, 5, 7]);
  assert.ok(Math.abs((free[0] ?? 0) - 2) < 1e-9 && Math.abs((free[1] ?? 0) - 3) < 1e-9, String(free));
});
