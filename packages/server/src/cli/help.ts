// Makes help texts from the tables that the parser uses, so that both always agree.
import { formatDuration } from '../kernel/duration.ts';
import { type Flag, optionName } from '../kernel/flag.ts';
import { range } from '../kernel/flag-value.ts';
import type { Command } from './command.ts';

const COLUMN = 34;
const WIDTH = 110;

/** Returns the help of one command. */
export function commandHelp(command: Command): string {
  const positionals = Object.entries(command.flags).filter(([, flag]) => flag.positional);
  const options = Object.entries(command.flags).filter(([, flag]) => !flag.positional);
  // Verbatim arguments follow `--`, so that their own options are not taken for this command's.
  const verbatim = positionals.filter(([, flag]) => isVerbatim(flag));
  const plain = positionals.filter(([, flag]) => !isVerbatim(flag));
  const usage = [
    `Usage: hayate ${command.name}`,
    ...plain.map(([name, flag]) => (flag.required ? name.toUpperCase() : `[${name.toUpperCase()}]`)),
    ...options.filter(([, flag]) => flag.required).map(([name, flag]) => `--${optionName(name)} ${placeholder(flag)}`),
    ...(options.length > 0 ? ['[options]'] : []),
    ...verbatim.map(([name]) => `[-- ${name.toUpperCase()} [ARGUMENT…]]`),
  ].join(' ');
  const sections = [`${capitalise(command.summary)}.`, usage];
  if (command.details !== undefined) sections.push(command.details);
  if (positionals.length > 0) sections.push(positionals.map(([name, flag]) => row(name.toUpperCase(), describe(flag))).join('\n'));
  for (const [group, rows] of grouped(options)) sections.push(`${group}:\n${rows.join('\n')}`);
  if (options.length > 0) {
    const [name = ''] = options[0] ?? [];
    const option = optionName(name);
    sections.push(`Each option can also be set by a variable: --${option} by HAYATE_${option.replaceAll('-', '_').toUpperCase()}.`);
  }
  return `${sections.join('\n\n')}\n`;
}

function isVerbatim(flag: Flag): boolean {
  return flag.kind === 'list' && flag.verbatim === true;
}

/** Returns the help of `hayate` itself. */
export function programHelp(commands: readonly Command[], version: string): string {
  const rows = commands.map((command) => row(command.name, command.summary));
  return [
    `Hayate ${version}: avatar live streaming, motion and voice instead of video.`,
    'Usage: hayate COMMAND [options]',
    `Commands:\n${rows.join('\n')}`,
    'hayate COMMAND --help explains a command; hayate --version prints the version.\n',
  ].join('\n\n');
}

function grouped(options: readonly (readonly [string, Flag])[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, flag] of options) {
    const rows = groups.get(flag.group ?? 'Options') ?? [];
    groups.set(flag.group ?? 'Options', rows);
    rows.push(optionRow(name, flag));
  }
  return groups;
}

function optionRow(name: string, flag: Flag): string {
  const option = optionName(name);
  if (flag.kind === 'boolean') return row(flag.default === true ? `--no-${option}` : `--${option}`, describe(flag));
  const rows = [row(`--${option} ${placeholder(flag)}`, describe(flag))];
  if (flag.kind === 'string' && flag.secret)
    rows.push(row(`--${option}-file FILE`, 'the same, read from a file (-: standard input): other users of the machine cannot see it'));
  return rows.join('\n');
}

function placeholder(flag: Flag): string {
  return flag.placeholder ?? { string: 'TEXT', number: 'N', boolean: '', duration: 'TIME', list: 'A,B', map: 'NAME=VALUE' }[flag.kind];
}

function describe(flag: Flag): string {
  const notes: string[] = [];
  if ((flag.kind === 'string' || flag.kind === 'list') && flag.choices !== undefined) notes.push(flag.choices.join(', '));
  if (flag.kind === 'number' && flag.unit !== undefined) notes.push(flag.unit);
  if (flag.kind === 'number') notes.push(range(flag, String).trim());
  if (flag.kind === 'duration') notes.push(range(flag, formatDuration).trim());
  if (flag.required && !flag.positional) notes.push('required');
  const standard = defaultText(flag);
  if (standard !== undefined) notes.push(`default ${standard}`);
  const said = notes.filter((note) => note !== '');
  return said.length === 0 ? flag.help : `${flag.help} (${said.join('; ')})`;
}

function defaultText(flag: Flag): string | undefined {
  if (flag.default === undefined || flag.kind === 'boolean') return undefined;
  if (flag.kind === 'duration') return formatDuration(flag.default);
  if (flag.kind === 'list') return flag.default.join(',') || undefined;
  if (flag.kind === 'map') return undefined;
  return String(flag.default);
}

/** Formats two columns; the second is wrapped. */
function row(left: string, right: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of right.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - COLUMN) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  lines.push(line);
  const head = `  ${left}`;
  const indent = ' '.repeat(COLUMN);
  const first = head.length + 2 > COLUMN ? [head] : [];
  const rest = lines.map((text, index) => (index === 0 && first.length === 0 ? head.padEnd(COLUMN) : indent) + text);
  return [...first, ...rest].join('\n');
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
