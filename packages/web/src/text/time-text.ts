// Moments in, display text out: the visitor's own time with its zone, and the same moment in UTC
// for a tooltip.

const offsetName = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' });

/** The visitor's zone at `time`, by its offset from UTC: 'UTC+9', 'UTC-3:30', 'UTC'. */
export function zoneText(time: Date): string {
  const name = offsetName.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  // ICU releases differ: UTC itself is GMT or GMT+0.
  return name.replace('GMT', 'UTC').replace(/\+0$/, '').replace('\u2212', '-');
}

/** The moment in UTC, to the second: '2026-05-03T18:03:24Z'. */
export function utcText(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** A time of day with its zone: '18:03:24 UTC+9'. */
export function zonedClockText(time: Date): string {
  return `${clockText(time)} ${zoneText(time)}`;
}

/** A time of day: '18:03:24'. */
export function clockText(time: Date): string {
  return time.toLocaleTimeString('en-GB');
}

/** A time of day without seconds: '18:03'. */
export function minuteText(time: Date): string {
  return clockText(time).slice(0, 5);
}

/** A day, as people say it at `now`: 'Today', 'Yesterday', 'Sunday 3 May', 'Sunday 3 May 2026'. */
export function dayText(time: Date, now: Date): string {
  const days = Math.round((dayOf(now).getTime() - dayOf(time).getTime()) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  const isThisYear = time.getFullYear() === now.getFullYear();
  return time.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', ...(isThisYear ? {} : { year: 'numeric' }) });
}

/** A duration in words, for screen readers: '1 hour 2 minutes 3 seconds', '0 seconds'. */
export function spokenDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 3600), 'hour'],
    [Math.floor(seconds / 60) % 60, 'minute'],
    [seconds % 60, 'second'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  return said.length === 0 ? '0 seconds' : said.join(' ');
}

function dayOf(time: Date): Date {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate());
}
