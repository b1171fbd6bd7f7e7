// The definition of a setting: its kind, default, bounds and help. One table types, parses and
// documents the settings of a command. A setting has one name everywhere: `drainTimeoutMs` in code
// is `--drain-timeout-ms` and `HAYATE_DRAIN_TIMEOUT_MS`.
import { strict as assert } from 'node:assert';

interface FlagBase {
  /** Describes the setting: a clause without a full stop. */
  readonly help: string;
  /** Heading in the help text; "Options" if absent. */
  readonly group?: string;
  /** Placeholder for the value in the help text; by default, it depends on the kind. */
  readonly placeholder?: string;
  /** The command does not run without it. */
  readonly required?: true;
  /** A positional argument, in the table's order; not read from the environment. */
  readonly positional?: true;
}

/**
 * One setting. Without a `default`, its value is undefined, false, [] or {}, depending on the kind.
 */
export type Flag = FlagBase &
  (
    | {
        readonly kind: 'string';
        readonly default?: string;
        readonly choices?: readonly string[] /** Also `--name-file`. */;
        readonly secret?: true;
        /** `-` makes the command read standard input. */
        readonly standardInput?: true;
      }
    /** A whole number, unless `fraction`. */
    | {
        readonly kind: 'number';
        readonly default?: number;
        readonly min?: number;
        readonly max?: number;
        readonly unit?: string;
        readonly fraction?: true;
      }
    | { readonly kind: 'boolean'; readonly default?: boolean }
    /**
     * Milliseconds in code; `1h30m`, `90s`, `250ms` in text. A bare number is allowed if the name
     * ends in `Ms`.
     */
    | { readonly kind: 'duration'; readonly default?: number; readonly min?: number; readonly max?: number }
    /**
     * Separated by commas, or given several times. `verbatim`: each text is one element, commas
     * included.
     */
    | { readonly kind: 'list'; readonly default?: readonly string[]; readonly choices?: readonly string[]; readonly verbatim?: true }
    /** `name=value` pairs, as a list. */
    | { readonly kind: 'map'; readonly default?: Readonly<Record<string, string>> }
  );

/** Settings by their camelCase names. */
export type FlagTable = Readonly<Record<string, Flag>>;

type Chosen<F extends Flag> = F extends { choices: readonly (infer C)[] } ? C : string;
type Always<F extends Flag> = F extends { required: true } | { default: unknown } ? never : undefined;
type Value<F extends Flag> = F extends { kind: 'boolean' }
  ? boolean
  : F extends { kind: 'list' }
    ? readonly Chosen<F>[]
    : F extends { kind: 'map' }
      ? Readonly<Record<string, string>>
      : F extends { kind: 'number' | 'duration' }
        ? number | Always<F>
        : Chosen<F> | Always<F>;

/** The values that `parseFlags` returns for the table `T`. */
export type FlagValues<T extends FlagTable> = { readonly [K in keyof T]: Value<T[K]> };

/**
 * Checks a table and returns it with its literal types kept. Asserts that names are camelCase and
 * distinct.
 */
export function defineFlags<const T extends FlagTable>(table: T): T {
  const options = new Set<string>();
  for (const [name, flag] of Object.entries(table)) {
    assert(/^[a-z][a-z0-9]*([A-Z][a-z0-9]*)*$/.test(name), `flag ${name} is not camelCase`);
    assert(!/^no[A-Z]/.test(name) && name !== 'help', `flag ${name} has a reserved name`);
    for (const option of optionsOf(name, flag)) {
      assert(!options.has(option), `two flags are --${option}`);
      options.add(option);
    }
  }
  return table;
}

/** The option's name without its dashes: `drainTimeoutMs` becomes `drain-timeout-ms`. */
export function optionName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * The environment variable: `drain-timeout-ms` and `drainTimeoutMs` become
 * `HAYATE_DRAIN_TIMEOUT_MS`.
 */
export function variableName(name: string): string {
  return `HAYATE_${optionName(name).replaceAll('-', '_').toUpperCase()}`;
}

/** The options that set the flag: its own name and, for a secret, `name-file`. */
export function optionsOf(name: string, flag: Flag): string[] {
  const option = optionName(name);
  return flag.kind === 'string' && flag.secret ? [option, `${option}-file`] : [option];
}
