// Reads settings. In: one typed table, the command line and the environment. Out: one object of
// typed values. A setting has one name everywhere: `drainTimeoutMs` in code is `--drain-timeout-ms`
// and `HAYATE_DRAIN_TIMEOUT_MS`. The command line wins over the environment, the environment over
// the default. Unknown settings are refused, except for variables that an orchestrator sets
// (flag-injected.ts). The value of a secret never appears in a message.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { didYouMean } from './did-you-mean.ts';
import { HayateError } from './error.ts';
import { isInjected, VARIABLE_PREFIX } from './flag-injected.ts';
import { type Flag, type FlagTable, type FlagValues, optionName, optionsOf, variableName } from './flag-table.ts';
import { parseValue } from './flag-value.ts';

export { defineFlags, type Flag, type FlagTable, type FlagValues, optionName, variableName } from './flag-table.ts';

/** The environment variables that `table` reads. */
export function variablesOf(table: FlagTable): string[] {
  return Object.entries(table).flatMap(([name, flag]) =>
    flag.positional ? [] : optionsOf(name, flag).map((option) => variableName(option)),
  );
}

/**
 * Reads `argv` (the arguments after the command's name) and `env` by `table`. Throws HayateError
 * CONFIGURATION, with a one-line message, for anything unknown, missing or out of range. An empty
 * variable counts as unset. refuseUnknownVariables handles variables outside the table.
 * `standardInput` is the text read for the option that standardInputOption names.
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  standardInput?: string,
): FlagValues<T> {
  const values: Record<string, unknown> = {};
  for (const { name, flag, given, label } of sourcesOf(table, argv, env)) {
    const [text = name, file] = flag.positional ? [] : optionsOf(name, flag);
    const source = pick(given, text, file, { label, standardInput });
    values[name] = source === undefined ? fallback(name, flag) : parseValue(flag, { name, ...source });
  }
  return values as FlagValues<T>;
}

/**
 * The option, as it was given, whose text is read from standard input (`--token-file -`); undefined
 * if there is none, or if the command reads standard input itself. Throws HayateError CONFIGURATION
 * if several options would read it.
 */
export function standardInputOption(
  table: FlagTable,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const readers = sourcesOf(table, argv, env).flatMap(({ name, flag, given, label }) => {
    const [text = name, file] = flag.positional ? [] : optionsOf(name, flag);
    const option = flag.kind === 'string' && flag.standardInput ? text : file;
    return option !== undefined && given.get(option)?.at(-1) === '-' ? [{ label: label(option), secret: option === file }] : [];
  });
  if (readers.length > 1)
    throw usage(`only one of ${readers.map(({ label }) => label).join(' and ')} can be -: there is one standard input`);
  return readers.find(({ secret }) => secret)?.label;
}

/**
 * Throws HayateError CONFIGURATION for a HAYATE_* variable that none of `tables` reads. Empty
 * variables are ignored, and so are those that an orchestrator sets, and HAYATE_TEST_*, which
 * belong to the test suite.
 */
export function refuseUnknownVariables(env: Readonly<Record<string, string | undefined>>, tables: readonly FlagTable[]): void {
  const known = new Set(tables.flatMap(variablesOf));
  const isForeign = (name: string) => name.startsWith('HAYATE_TEST_') || env[name] === '' || isInjected(name, env);
  for (const name of Object.keys(env))
    if (name.startsWith(VARIABLE_PREFIX) && !known.has(name) && !isForeign(name))
      throw new HayateError('CONFIGURATION', `unknown variable ${name}${didYouMean(name, [...known])}`);
}

type Given = Map<string, string[]>;

/**
 * Each flag with the source of its text: the command line, or else the environment. `label` is the
 * option's name in that source.
 */
function sourcesOf(table: FlagTable, argv: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const typed = readArguments(table, argv);
  return Object.entries(table).map(([name, flag]) => {
    const options = flag.positional ? [name] : optionsOf(name, flag);
    const isTyped = flag.positional || options.some((option) => typed.has(option));
    const label = (option: string) => (!isTyped ? variableName(option) : flag.positional ? option.toUpperCase() : `--${option}`);
    return { name, flag, given: isTyped ? typed : variables(env, ...options), label };
  });
}

function usage(message: string): HayateError {
  return new HayateError('CONFIGURATION', message);
}

function readArguments(table: FlagTable, argv: readonly string[]): Given {
  const byOption = new Map<string, Flag>();
  const positionals: string[] = [];
  for (const [name, flag] of Object.entries(table)) {
    if (flag.positional) positionals.push(name);
    else for (const option of optionsOf(name, flag)) byOption.set(option, flag);
  }
  const options = Object.fromEntries(
    [...byOption].map(([option, flag]) => [option, { type: flag.kind === 'boolean' ? ('boolean' as const) : ('string' as const) }]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const given: Given = new Map();
  let positional = 0;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      const name = positionals[Math.min(positional, positionals.length - 1)];
      const many = name !== undefined && table[name]?.kind === 'list';
      if (name === undefined || (positional >= positionals.length && !many)) throw usage(`unexpected argument "${token.value}"`);
      add(given, name, token.value);
      positional++;
      continue;
    }
    const negated = token.name.startsWith('no-') ? token.name.slice(3) : undefined;
    const flag = byOption.get(token.name);
    if (flag === undefined && negated !== undefined && byOption.get(negated)?.kind === 'boolean' && token.value === undefined)
      add(given, negated, 'false');
    else if (flag === undefined)
      throw usage(
        `unknown option ${token.rawName}${didYouMean(
          token.rawName,
          [...byOption.keys()].map((option) => `--${option}`),
        )}`,
      );
    else if (flag.kind === 'boolean') add(given, token.name, token.value ?? 'true');
    else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--')))
      throw usage(`${token.rawName} needs a value`);
    else add(given, token.name, token.value);
  }
  return given;
}

function add(given: Given, name: string, text: string): void {
  given.set(name, [...(given.get(name) ?? []), text]);
}

function variables(env: Readonly<Record<string, string | undefined>>, ...options: (string | undefined)[]): Given {
  const given: Given = new Map();
  for (const option of options) {
    const name = option === undefined ? '' : variableName(option);
    const text = env[name];
    if (option !== undefined && text !== undefined && text !== '' && !isInjected(name, env)) given.set(option, [text]);
  }
  return given;
}

/** The texts of one source, and its name in messages. The file of a secret is read here. */
function pick(
  given: Given,
  text: string,
  file: string | undefined,
  { label, standardInput }: { label: (option: string) => string; standardInput: string | undefined },
): { texts: string[]; label: string } | undefined {
  const texts = given.get(text);
  const path = file === undefined ? undefined : given.get(file)?.at(-1);
  if (file === undefined || path === undefined) return texts && { texts, label: label(text) };
  if (texts !== undefined) throw usage(`give ${label(text)} or ${label(file)}, not both`);
  const read = (content: string) => ({ texts: [content.replace(/\r?\n$/, '')], label: label(file) });
  if (path === '-' && standardInput !== undefined) return read(standardInput);
  try {
    return read(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new HayateError('CONFIGURATION', `${label(file)}: cannot read ${path}${whyNot(cause)}`, { cause });
  }
}

function whyNot(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    ENOTDIR: 'no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
  };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return words[code] === undefined ? '' : ` (${words[code]})`;
}

function fallback(name: string, flag: Flag): unknown {
  if (flag.required) throw usage(flag.positional ? `${name.toUpperCase()} is missing` : `--${optionName(name)} is missing`);
  if (flag.default !== undefined) return flag.default;
  return flag.kind === 'boolean' ? false : flag.kind === 'list' ? [] : flag.kind === 'map' ? {} : undefined;
}
