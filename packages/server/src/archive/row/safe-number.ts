// Limits large numbers of the wire to the range of the archive's columns.

/** The largest number that avsc writes as a long: one less than the wire's largest. */
export const COLUMN_NUMBER_MAX = 2 ** 53 - 2;

/**
 * Returns `value`, or the largest number of a column if it is larger. No real clock, sequence or
 * position comes near.
 */
export function safeNumber(value: bigint | number): number {
  return value <= COLUMN_NUMBER_MAX ? Number(value) : COLUMN_NUMBER_MAX;
}
