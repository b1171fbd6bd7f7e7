// Reads times from options as Unix milliseconds. If a time was not typed as full UTC, the command
// prints its interpretation on standard error.
import { HayateError } from '../kernel/error.ts';
import { type ReadTime, readTime, timeText } from '../kernel/time-text.ts';
import type { Io } from './command.ts';

/** The formats that every time option accepts, for help texts. */
export const TIME_HELP = '2026-05-03, 2026-05-03T18:00Z or …T18:00+09:00; without a zone: UTC';

const UTC_IN_FULL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/;

/**
 * Reads `text`, the value of the option `name`, and prints its interpretation unless it is UTC in
 * full. Throws CONFIGURATION.
 */
export function typedTime({ stderr }: Pick<Io, 'stderr'>, name: string, text: string): ReadTime {
  const read = readTime(text);
  if (typeof read === 'string') throw new HayateError('CONFIGURATION', `--${name} ${text}: ${read}`);
  if (!UTC_IN_FULL.test(text)) stderr.write(`--${name} ${text} is ${timeText(read.unixMs)}\n`);
  return read;
}

/**
 * Reads --from and --to, each of which may be absent. Throws CONFIGURATION, also for an empty span.
 */
export function typedSpan(io: Pick<Io, 'stderr'>, { from, to }: { from: string | undefined; to: string | undefined }) {
  const fromMs = from === undefined ? undefined : typedTime(io, 'from', from).unixMs;
  const toMs = to === undefined ? undefined : typedTime(io, 'to', to).unixMs;
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new HayateError('CONFIGURATION', '--to must be later than --from');
  return { fromMs, toMs };
}
