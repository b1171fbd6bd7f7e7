// Large numbers of the wire as the archive's columns keep them.

/** The largest number that avsc writes as a long: one less than the wire's largest. */
export const COLUMN_NUMBER_MAX = 2 ** 53 - 2;

/** `value`, or the largest number of a column if it is more: no clock, sequence or position comes near. */
export function safeNumber(value: bigint | number): number {
  return value <= COLUMN_NUMBER_MAX ? Number(value) : COLUMN_NUMBER_MAX;
}
