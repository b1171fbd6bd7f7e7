// In: the verdicts of a run. Out: the mutants that no test noticed, each with its line, and a table
// with one row for each file, as CONTRIBUTING.md shows it.
import type { FileReport, Result, Verdict } from './mutation-run.ts';

type Counted = Pick<FileReport, 'mutants' | 'verdicts'>;

const count = ({ verdicts }: Counted, ...results: readonly Result[]): number =>
  verdicts.filter(({ result }) => results.includes(result)).length;

/** The share of mutants that tests noticed, in whole per cent. */
export const scoreOf = (report: Counted): number =>
  report.verdicts.length === 0 ? 100 : Math.floor((100 * count(report, 'killed', 'timeout')) / report.verdicts.length);

const rowOf = (name: string, report: Counted): string => {
  const counts = (['killed', 'timeout', 'survived', 'no coverage'] as const).map((result) => count(report, result));
  return `| ${[name, report.mutants, report.verdicts.length, ...counts].join(' | ')} | ${scoreOf(report)} % |`;
};

/** All files as one. */
const totalOf = (reports: readonly FileReport[]): Counted => ({
  mutants: reports.reduce((sum, { mutants }) => sum + mutants, 0),
  verdicts: reports.flatMap(({ verdicts }) => verdicts),
});

const TEXT_MAX = 100;
const short = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > TEXT_MAX ? `${line.slice(0, TEXT_MAX)} …` : line;
};

const survivorText = (path: string, source: string, verdict: Verdict): string => {
  const line = source.split('\n')[verdict.line - 1] ?? '';
  const place = `${path}:${verdict.line}:${verdict.column}`;
  return `${verdict.result} ${place}\n    ${short(line)}\n    ${short(verdict.original)}  →  ${verdict.replacement}`;
};

/** Each mutant that survived or that no test executes. */
export const survivorsText = ({ path, source, verdicts }: FileReport): string[] =>
  verdicts.filter(({ result }) => result === 'survived' || result === 'no coverage').map((verdict) => survivorText(path, source, verdict));

/**
 * A table in Markdown: a row for each file that has mutants, and one for all files if there are
 * several.
 */
export const tableText = (reports: readonly FileReport[]): string[] => [
  '| file | mutants | run | killed | timeout | survived | not executed | score |',
  '|---|---|---|---|---|---|---|---|',
  ...reports.filter(({ mutants }) => mutants > 0).map((report) => rowOf(report.path, report)),
  ...(reports.length > 1 ? [rowOf(`${reports.length} files`, totalOf(reports))] : []),
];
