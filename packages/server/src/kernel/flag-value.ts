// Parses the text of one setting. In: a flag's kind and bounds, and the text. Out: the typed value,
// or a one-line error.
import { formatDuration, parseDuration } from './duration.ts';
import { HayateError } from './error.ts';
import type { Flag } from './flag-table.ts';

/** A flag's text and where it came from. */
interface GivenText {
  /** The flag's name in code. */
  readonly name: string;
  /** Every text that was given. The last one counts, except in lists. */
  readonly texts: readonly string[];
  /** The name of the source in messages: `--port`, `HAYATE_PORT`. */
  readonly label: string;
}

/**
 * Parses the given text by the definition `flag`. Throws HayateError CONFIGURATION, which omits the
 * text of a secret.
 */
export function parseValue(flag: Flag, { name, texts, label }: GivenText): unknown {
  const text = texts.at(-1) ?? '';
  const refuse = (what: string, shown = text) =>
    new HayateError('CONFIGURATION', `${label} must be ${what}${flag.kind === 'string' && flag.secret ? '' : `, not "${shown}"`}`);
  switch (flag.kind) {
    case 'string':
      if (text === '') throw new HayateError('CONFIGURATION', `${label} must not be empty`);
      if (flag.choices !== undefined && !flag.choices.includes(text)) throw refuse(`one of ${flag.choices.join(', ')}`);
      return text;
    case 'boolean':
      if (!/^(true|false|1|0)$/.test(text)) throw refuse('true or false');
      return text === 'true' || text === '1';
    case 'number': {
      const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      if (!(flag.fraction ? Number.isFinite(value) : Number.isSafeInteger(value)) || !within(value, flag))
        throw refuse(`${flag.fraction ? 'a' : 'a whole'} number${range(flag, String)}`);
      return value;
    }
    case 'duration': {
      // A flag whose name includes its unit also takes a bare number: --drain-timeout-ms 5000.
      const value = parseDuration(name.endsWith('Ms') && /^\d+$/.test(text) ? `${text}ms` : text);
      if (value === undefined || !within(value, flag)) throw refuse(`a duration such as 90s, 15m or 1h${range(flag, formatDuration)}`);
      return value;
    }
    case 'list': {
      const items = flag.verbatim ? [...texts] : elements(texts);
      for (const item of items)
        if (flag.choices !== undefined && !flag.choices.includes(item)) throw refuse(`of ${flag.choices.join(', ')}`, item);
      return items;
    }
    case 'map': {
      const entries = elements(texts).map((item) => {
        const at = item.indexOf('=');
        if (at < 1) throw refuse('name=value', item);
        return [item.slice(0, at), item.slice(at + 1)] as const;
      });
      return Object.fromEntries(entries);
    }
  }
}

function elements(texts: readonly string[]): string[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

function within(value: number, { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Bounds): boolean {
  return value >= min && value <= max;
}

/** ` from 1 to 10`, ` of at least 1`, ` of at most 10` or nothing: a flag's bounds in words. */
export function range({ min, max }: Bounds, format: (value: number) => string): string {
  if (min !== undefined && max !== undefined) return ` from ${format(min)} to ${format(max)}`;
  if (min !== undefined) return ` of at least ${format(min)}`;
  return max === undefined ? '' : ` of at most ${format(max)}`;
}
