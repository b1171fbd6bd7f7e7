// The hours by which objects are named: whole hours of UTC.

/** An hour, milliseconds. */
export const HOUR_MS = 3_600_000;

/** Returns the start of the hour that contains a time; Unix milliseconds. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS) * HOUR_MS;
}
