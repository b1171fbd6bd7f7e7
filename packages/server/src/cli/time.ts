// Days and times as they are typed: text in, Unix milliseconds out.
import { HayateError } from '../kernel/error.ts';

/** `text`, the value of the option `name`, as Unix milliseconds: ISO 8601, a day alone is its beginning in UTC. Throws CONFIGURATION. */
export function timeOf(name: string, text: string): number {
  const unixMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(unixMs)) throw new HayateError('CONFIGURATION', `--${name} ${text}: not a day or time as 2026-05-03T18:00:00Z`);
  return unixMs;
}

/** As timeOf, of an option that may be absent. */
export function maybeTimeOf(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : timeOf(name, text);
}
