// In: the results of full runs in bench/result. Out: the whole of BENCHMARKS.md, and the tables
// that pages request between `<!-- table: BENCHMARK/TITLE -->` and `<!-- end -->`. Never edit these
// by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../test/support/process.ts';
import type { BenchOutcome, Goal, Table } from './outcome.ts';
import { type BenchResult, readResults } from './result.ts';

/** The live path comes first. Benchmarks that are not listed here follow, by name. */
const ORDER = [
  'fan-out',
  'live-path',
  'audience',
  'failover',
  'flood',
  'growth',
  'redis-publish',
  'browser',
  'peek',
  'archive',
  'archive-library',
  'archive-size',
  'recovery',
  'file-log',
  'kafka-log',
];
const PAGES = ['docs/operate/capacity.md'];

const cell = (text: string) => text.replaceAll('|', '\\|');
const row = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;

/** A table in Markdown: the first column aligned left, numbers right. */
function markdownTable({ columns, rows }: Table): string {
  return [row(columns), `|${columns.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`, ...rows.map(row)].join('\n');
}

const number = (value: unknown): string => (typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value));

/** A table for a benchmark without tables: its flat details. */
function detailsTable(details: unknown): Table | undefined {
  if (typeof details !== 'object' || details === null) return undefined;
  const rows = Object.entries(details)
    .filter(([, value]) => ['number', 'string'].includes(typeof value))
    .map(([name, value]) => [name, number(value)]);
  return rows.length === 0 ? undefined : { title: '', columns: ['', ''], rows };
}

function goalsTable(goals: readonly Goal[]): Table {
  return {
    title: 'Goals',
    columns: ['', 'goal', 'measured', 'met'],
    rows: goals.map(({ what, goal, measured, met }) => [what, goal, measured, met ? 'yes' : '**no**']),
  };
}

const headline = ({ name, ratio, unit }: BenchOutcome, benchmark: string) =>
  `**${number(ratio)} ${unit}**${name === benchmark ? '' : ` — ${name}`}`;

function section({ benchmark, command, date, commit, outcome }: BenchResult): string {
  const details = detailsTable(outcome.details);
  const tables = outcome.tables ?? (details === undefined ? [] : [details]);
  return [
    `## ${benchmark}`,
    headline(outcome, benchmark),
    ...(outcome.goals === undefined || outcome.goals.length === 0 ? [] : [markdownTable(goalsTable(outcome.goals))]),
    ...tables.flatMap((table) => [...(table.title === '' ? [] : [`${table.title}:`]), markdownTable(table)]),
    ...(outcome.notes === undefined ? [] : [outcome.notes.map((note) => `- ${note}`).join('\n')]),
    `\`${command}\`, ${date}, commit ${commit}.`,
  ].join('\n\n');
}

/** The environments of the results: one line if they are all equal, otherwise a line for each. */
function places(results: readonly BenchResult[]): string {
  const said = new Map<string, string[]>();
  for (const { benchmark, environment } of results) {
    const { cpu, cores, memoryGiB, kernel, versions } = environment;
    const listed = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
    const place = `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; ${listed.join(', ')}`;
    said.set(place, [...(said.get(place) ?? []), benchmark]);
  }
  const all = [...said];
  return all.map(([place, names]) => (all.length === 1 ? `Measured on: ${place}.` : `- ${names.join(', ')}: ${place}.`)).join('\n');
}

/** The page. */
export function benchmarksPage(unsorted: readonly BenchResult[]): string {
  const rank = ({ benchmark }: BenchResult) => (ORDER.indexOf(benchmark) + ORDER.length + 1) % (ORDER.length + 1);
  const results = unsorted.toSorted((a, b) => rank(a) - rank(b) || a.benchmark.localeCompare(b.benchmark));
  const missed = results.flatMap(({ benchmark, outcome }) =>
    (outcome.goals ?? []).filter(({ met }) => !met).map((goal) => ({ benchmark, ...goal })),
  );
  const summary: Table = {
    title: '',
    columns: ['benchmark', 'headline', 'goals met'],
    rows: results.map(({ benchmark, outcome }) => {
      const goals = outcome.goals ?? [];
      const met = goals.length === 0 ? '' : `${goals.filter((goal) => goal.met).length} of ${goals.length}`;
      return [`[${benchmark}](#${benchmark})`, headline(outcome, benchmark).replaceAll('*', ''), met];
    }),
  };
  const losses: Table = {
    title: '',
    columns: ['benchmark', '', 'goal', 'measured'],
    rows: missed.map(({ benchmark, what, goal, measured }) => [benchmark, what, goal, measured]),
  };
  return `${[
    '# Benchmarks',
    'Written by `npm run bench -- report` from the results in [bench/result](bench/result), which full runs write; not by hand.\nEach begins with its ratio. The contestants of a table took turns in the same run; "spread" is the middle half of the rounds.',
    places(results),
    markdownTable(summary),
    ...(missed.length === 0 ? [] : ['Goals that are missed:', markdownTable(losses)]),
    ...results.map(section),
  ].join('\n\n')}\n`;
}

/**
 * `page` with the current tables of the results between its markers. A table stays empty if its
 * benchmark has no result yet. Throws if a result lacks the table.
 */
export function fillTables(page: string, results: readonly BenchResult[]): string {
  return page.replace(
    /(<!-- table: ([^/\n]+)\/(.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open: string, name: string, title: string, close: string) => {
      const result = results.find(({ benchmark }) => benchmark === name);
      if (result === undefined) return `${open}${close}`;
      const table = result.outcome.tables?.find((one) => one.title === title);
      if (table === undefined) throw new Error(`there is no table "${title}" in the result of ${name}`);
      return `${open}\n${markdownTable(table)}\n\n${close}`;
    },
  );
}

/** Writes the page and fills the tables of other pages. Returns the written files. */
export function writeReport(): string[] {
  const results = readResults();
  writeFileSync(join(root, 'BENCHMARKS.md'), benchmarksPage(results));
  for (const page of PAGES) {
    const path = join(root, page);
    writeFileSync(path, fillTables(readFileSync(path, 'utf8'), results));
  }
  return ['BENCHMARKS.md', ...PAGES];
}
