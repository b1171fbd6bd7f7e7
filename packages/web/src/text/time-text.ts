// Moments in, what a page shows out, in the visitor's own time zone and language's order.

/** A time of day: '18:03:24'. */
export function clockText(time: Date): string {
  return time.toLocaleTimeString('en-GB');
}

/** A time of day without seconds: '18:03'. */
export function minuteText(time: Date): string {
  return clockText(time).slice(0, 5);
}

/** A day, as one would say it at `now`: 'Today', 'Yesterday', 'Sunday 3 May', 'Sunday 3 May 2026'. */
export function dayText(time: Date, now: Date): string {
  const days = Math.round((dayOf(now).getTime() - dayOf(time).getTime()) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  const isThisYear = time.getFullYear() === now.getFullYear();
  return time.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', ...(isThisYear ? {} : { year: 'numeric' }) });
}

/** A duration in words, for those who listen: '1 hour 2 minutes 3 seconds', '0 seconds'. */
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
