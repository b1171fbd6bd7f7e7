// Times as text. In: a time that a person or program wrote. Out: Unix milliseconds and whether a
// zone was named, or why the text is not a time. One rule holds: a time without a zone is UTC,
// whatever the zone of this machine, and every printed time ends in Z.

/** A time read from a text. */
export interface ReadTime {
  /** Rounded down to whole milliseconds. */
  readonly unixMs: number;
  /** False: the text names no zone, so another reader could take it for a different moment. */
  readonly hasZone: boolean;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)/;
const CLOCK = /^(?:[Tt]| +)(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?/;
const ZONE = /^ *(?:[Zz]|UTC|([+-])(\d\d)(?::?(\d\d))?)$/;

/** The largest offset of any place's clocks from UTC, in minutes. */
const OFFSET_MINUTES_MAX = 14 * 60;
const MINUTE_MS = 60_000;

/**
 * Reads ISO 8601 as people write it: `2026-05-03`, `2026-05-03 18:00`, `2026-05-03T18:00:00.5`,
 * each with or without a final `Z`, `UTC`, `+09:00`, `+0900` or `+09`. A day alone means its
 * beginning. If the text is not a time, returns a string that says why.
 */
export function readTime(text: string): ReadTime | string {
  const trimmed = text.trim();
  const date = DATE.exec(trimmed);
  if (date === null) return `not a day or time such as 2026-05-03 or 2026-05-03T18:00:00Z`;
  const afterDate = trimmed.slice(date[0].length);
  const clock = CLOCK.exec(afterDate);
  const rest = afterDate.slice(clock?.[0].length ?? 0);
  const zone = rest === '' ? undefined : ZONE.exec(rest);
  if (zone === null) return whyNoZone(rest.trim());
  const dayMs = Date.parse(`${date[0]}T00:00:00Z`);
  // Date.parse would turn 30 February into a day in March.
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(date[0])) return `there is no day ${date[0]}`;
  const clockMs = clock === null ? 0 : clockMsOf(clock);
  if (clockMs === undefined) return 'hours are 00 to 23, minutes and seconds 00 to 59';
  const offset = zone === undefined ? 0 : offsetMinutesOf(zone);
  if (offset === undefined) return `no time zone has the offset ${zone?.[0].trim()} from UTC`;
  return { unixMs: dayMs + clockMs - offset * MINUTE_MS, hasZone: zone !== undefined };
}

/** Unix milliseconds as `2026-05-03T18:00:00Z`, with a fraction if there is one. */
export function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString().replace('.000Z', 'Z');
}

/** As timeText, without a fraction: for tables. */
export function secondText(unixMs: number): string {
  return timeText(Math.floor(unixMs / 1_000) * 1_000);
}

function clockMsOf([, hour, minute, second = '0', fraction = '']: readonly (string | undefined)[]): number | undefined {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  if (h > 23 || m > 59 || s > 59) return undefined;
  return ((h * 60 + m) * 60 + s) * 1_000 + Number(fraction.padEnd(3, '0').slice(0, 3));
}

/** The offset from UTC in minutes, positive if ahead. */
function offsetMinutesOf([, sign, hours = '0', minutes = '0']: readonly (string | undefined)[]): number | undefined {
  const offset = Number(hours) * 60 + Number(minutes);
  if (Number(minutes) > 59 || offset > OFFSET_MINUTES_MAX) return undefined;
  return sign === '-' ? -offset : offset;
}

function whyNoZone(rest: string): string {
  if (/^(?!T)[A-Za-z]+([/_+-][A-Za-z0-9/_+-]+)?$/i.test(rest))
    return `names of time zones are not supported: instead of "${rest}" write Z for UTC, or an offset such as +09:00`;
  return `"${rest}" is neither a time of day such as 18:00 nor a zone such as Z or +09:00`;
}
