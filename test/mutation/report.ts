// In: the verdicts of a run. Out: the mutants that no test noticed, each with its line, and a table
// with one row for each file, as CONTRIBUTING.md shows it.
import type { FileReport, Result, Verdict } from './mutation-run.ts';

const count = ({ verdicts }: FileReport, ...results: readonly Result[]): number =>
  verdicts.filter(({ result }) => results.includes(result)).length;

/** The share of mutants that tests noticed, in whole per cent. */
export const scoreOf = (report: FileReport): number =>
  report.verdicts.length === 0 ? 100 : Math.floor((100 * count(report, 'killed', 'timeout')) / report.verdicts.length);

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

/** The table of all files, in Markdown. */
export const tableText = (reports: readonly FileReport[]): string[] => [
  '| file | mutants | run | killed | timeout | survived | not executed | score |',
  '|---|---|---|---|---|---|---|---|',
  ...reports.map((report) => {
    const counts = (['killed', 'timeout', 'survived', 'no coverage'] as const).map((result) => count(report, result));
    return `| ${[report.path, report.mutants, report.verdicts.length, ...counts].join(' | ')} | ${scoreOf(report)} % |`;
  }),
];
