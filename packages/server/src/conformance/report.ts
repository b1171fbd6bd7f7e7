// The results of a run in two forms: text for people, rule by rule, and JUnit XML for CI, with a
// testcase for each rule of each scenario.
import { type RuleId, ruleOf, rules } from './rule.ts';
import type { ScenarioResult } from './run.ts';
import type { Side } from './scenario.ts';
import type { Outcome, RuleResult } from './verdict.ts';

/** The results of a run, with its side and seed. */
export interface Report {
  readonly side: Side;
  readonly seed: number;
  readonly results: readonly ScenarioResult[];
}

/** The rules of one side, in the order of the page. */
export function rulesOf(side: Side): RuleId[] {
  const letters = side === 'publish' ? 'CBI' : 'CVI';
  return (Object.keys(rules) as RuleId[]).filter((rule) => letters.includes(rule.charAt(0)));
}

/** Whether the client broke no rule. */
export function isClean({ results }: Report): boolean {
  return results.every((result) => result.results.every(({ outcome }) => outcome !== 'failed'));
}

/** One line for a scenario that has just ended. */
export function scenarioLine({ scenario, results, seconds }: ScenarioResult): string {
  const failed = results.filter(({ outcome }) => outcome === 'failed').map(({ rule }) => rule);
  const outcome = failed.length === 0 ? 'passed' : `FAILED ${failed.join(' ')}`;
  return `${scenario.name}: ${outcome} (${seconds.toFixed(1)} s)\n`;
}

/**
 * The report for people: each rule with its findings, then the client's faults, scenario by
 * scenario.
 */
export function textReport(report: Report): string {
  const lines: string[] = [];
  const totals: Record<Outcome, number> = { passed: 0, failed: 0, advised: 0, skipped: 0 };
  for (const rule of rulesOf(report.side)) {
    const { sentence, section, unobservable } = ruleOf(rule);
    const found = report.results.flatMap(({ scenario, results }) =>
      results.filter((result) => result.rule === rule).map((result) => ({ name: scenario.name, result })),
    );
    for (const { result } of found) totals[result.outcome]++;
    const outcome = unobservable === undefined ? summaryOf(found.map(({ result }) => result)) : 'not checkable from outside';
    lines.push(`${rule.padEnd(4)}${outcome}: ${sentence} (${section})`);
    if (unobservable !== undefined) lines.push(`      ${unobservable}`);
    for (const { name, result } of found)
      if (result.outcome === 'failed' || result.outcome === 'advised')
        for (const finding of result.findings) lines.push(`      ${result.outcome === 'advised' ? 'should: ' : ''}${name}: ${finding}`);
  }
  const { passed, failed, advised, skipped } = totals;
  lines.push('', `${passed} passed, ${failed} failed, ${advised} advised, ${skipped} skipped; seed ${report.seed}`);
  return `${lines.join('\n')}\n`;
}

function summaryOf(results: readonly RuleResult[]): string {
  const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length;
  if (results.length === 0) return 'not played';
  if (count('failed') > 0) return `FAILED in ${count('failed')} of ${results.length}`;
  if (count('advised') > 0) return `advised in ${count('advised')} of ${results.length}`;
  return count('passed') === 0 ? 'skipped' : `passed in ${count('passed')}`;
}

/** The report as JUnit XML. */
export function junitReport({ side, seed, results }: Report): string {
  const suites = results.map(({ scenario, results: found, seconds, errorLines }) => {
    const failures = found.filter(({ outcome }) => outcome === 'failed').length;
    const skipped = found.filter(({ outcome }) => outcome === 'skipped' || outcome === 'advised').length;
    const head = `name="${xmlText(scenario.name)}" tests="${found.length}" failures="${failures}" skipped="${skipped}" time="${seconds.toFixed(3)}"`;
    const cases = found.map((result) => testCase(`hayate.conformance.${side}.${scenario.name}`, result));
    const errors = errorLines.length === 0 ? [] : [`    <system-err>${xmlText(errorLines.join('\n'))}</system-err>`];
    const properties = `    <properties><property name="seed" value="${seed}"/></properties>`;
    return [`  <testsuite ${head}>`, properties, ...cases, ...errors, '  </testsuite>'].join('\n');
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="hayate conformance ${side}">\n${suites.join('\n')}\n</testsuites>\n`;
}

function testCase(className: string, { rule, outcome, findings }: RuleResult): string {
  const head = `    <testcase classname="${xmlText(className)}" name="${xmlText(`${rule} ${ruleOf(rule).sentence}`)}"`;
  if (outcome === 'passed') return `${head}/>`;
  const message = xmlText(findings.join('; '));
  if (outcome === 'failed') return `${head}><failure message="${message}">${xmlText(ruleOf(rule).section)}</failure></testcase>`;
  return `${head}><skipped message="${outcome === 'advised' ? 'should: ' : ''}${message}"/></testcase>`;
}

/** Text for XML 1.0. Characters that it forbids become question marks. */
function xmlText(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
