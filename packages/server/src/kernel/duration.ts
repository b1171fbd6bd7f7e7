// Durations as text: whole milliseconds as `1h30m`, `90s` or `250ms`, largest unit first.
// parseDuration reads the output of formatDuration.

/** Units and their length in milliseconds, largest first. */
const durationUnits = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** Reads `1h30m`, `90s`, `250ms`, `7d` or `0` as milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    ms += Number(amount) * (durationUnits.find(([name]) => name === unit)?.[1] ?? 0);
  return ms;
}

/** Writes whole milliseconds in the form that parseDuration reads: 5400000 is `1h30m`. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of durationUnits) {
    if (rest >= size) text += `${Math.floor(rest / size)}${unit}`;
    rest %= size;
  }
  return text === '' ? '0' : text;
}
