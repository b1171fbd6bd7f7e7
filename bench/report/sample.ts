// Statistics over rounds: a median, and how far the rounds spread around it.

/**
 * The value that the fraction `q` (0 to 1) of `values` does not exceed, interpolated between
 * neighbours. NaN if there are no values.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const [low = Number.NaN, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** The median of `values`. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** "1.04–1.10": the middle half of the rounds. */
export const spread = (values: readonly number[], digits = 2): string =>
  `${quantile(values, 0.25).toFixed(digits)}–${quantile(values, 0.75).toFixed(digits)}`;

/**
 * Least squares of `y` on the columns of `x`. A column of ones is the intercept. Throws if the
 * columns are linearly dependent.
 */
export function leastSquares(x: readonly (readonly number[])[], y: readonly number[]): number[] {
  const width = x[0]?.length ?? 0;
  // Solves the normal equations by elimination with pivoting, which suits a handful of columns.
  const rows = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (_, j) => x.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0)),
    x.reduce((sum, row, k) => sum + (row[i] ?? 0) * (y[k] ?? 0), 0),
  ]);
  for (let column = 0; column < width; column++) {
    const pivot = rows.slice(column).reduce((best, row) => (Math.abs(row[column] ?? 0) > Math.abs(best[column] ?? 0) ? row : best));
    if (Math.abs(pivot[column] ?? 0) < 1e-12) throw new Error('the steps do not tell the unit costs apart');
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(column, 0, pivot);
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = (row[column] ?? 0) / (pivot[column] ?? 1);
      for (let k = column; k <= width; k++) row[k] = (row[k] ?? 0) - factor * (pivot[k] ?? 0);
    }
  }
  return rows.map((row, i) => (row[width] ?? 0) / (row[i] ?? 1));
}

/**
 * Least squares with no coefficient below 0. The lowest negative one is set to 0 and the rest are
 * fitted without it, until none is negative.
 */
export function leastSquaresPositive(x: readonly (readonly number[])[], y: readonly number[]): number[] {
  const kept = (x[0] ?? []).map((_, column) => column);
  for (;;) {
    const found = leastSquares(
      x.map((row) => kept.map((column) => row[column] ?? 0)),
      y,
    );
    const least = found.indexOf(Math.min(...found));
    if (kept.length === 0 || (found[least] ?? 0) >= 0) return (x[0] ?? []).map((_, column) => found[kept.indexOf(column)] ?? 0);
    kept.splice(least, 1);
  }
}
