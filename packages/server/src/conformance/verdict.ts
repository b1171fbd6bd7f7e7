// The verdict of one scenario. In: marks for each rule. Out: one result for each rule. A rule that
// a scenario promises to check but never reaches counts as failed, so that a scenario that ends
// early does not pass.
import type { RuleId } from './rule.ts';

/**
 * `advised`: the client did not follow a "should", which breaks no rule. `skipped`: the check needs
 * a program started by the kit.
 */
export type Outcome = 'passed' | 'failed' | 'advised' | 'skipped';

/** One rule in one scenario. */
export interface RuleResult {
  readonly rule: RuleId;
  readonly outcome: Outcome;
  /** The observed breaches, one sentence each; empty if the rule passed. */
  readonly findings: readonly string[];
}

interface Mark {
  passes: number;
  failures: string[];
  advice: string[];
  /** The rule could not be checked, since there is no output that tells what the client shows. */
  skipped: boolean;
  /** Number of findings that were not kept. */
  more: number;
}

/** Number of findings of each kind that are kept for a rule. */
const FINDINGS_MAX = 5;

/** Collects the observations about each rule. */
export class Verdict {
  readonly #marks = new Map<RuleId, Mark>();

  get failed(): boolean {
    return [...this.#marks.values()].some(({ failures }) => failures.length > 0);
  }

  /** The client kept the rule. */
  pass(rule: RuleId): void {
    this.#mark(rule).passes++;
  }

  /** The client broke the rule. `finding`: a sentence that says how, without its full stop. */
  fail(rule: RuleId, finding: string): void {
    const mark = this.#mark(rule);
    if (mark.failures.length < FINDINGS_MAX) mark.failures.push(finding);
    else mark.more++;
  }

  /** The client did not follow a "should". */
  advise(rule: RuleId, finding: string): void {
    const { advice } = this.#mark(rule);
    if (advice.length < FINDINGS_MAX) advice.push(finding);
  }

  /** The rule cannot be checked without the lines of a program. */
  skip(rule: RuleId): void {
    this.#mark(rule).skipped = true;
  }

  /** Marks the rule as kept or broken; returns `kept`. */
  check(rule: RuleId, kept: boolean, finding: string): boolean {
    if (kept) this.pass(rule);
    else this.fail(rule, finding);
    return kept;
  }

  /** Results for the rules of `promised`, and for other rules that were broken or advised on. */
  results(promised: readonly RuleId[]): RuleResult[] {
    const all = new Set(promised);
    for (const [rule, mark] of this.#marks) if (mark.failures.length + mark.advice.length > 0) all.add(rule);
    return [...all].map((rule) => this.#result(rule));
  }

  #result(rule: RuleId): RuleResult {
    const { passes, failures, advice, skipped, more } = this.#marks.get(rule) ?? noMark();
    if (failures.length > 0) {
      const rest = more === 0 ? [] : [`and ${more} more`];
      return { rule, outcome: 'failed', findings: [...failures, ...rest] };
    }
    if (advice.length > 0) return { rule, outcome: 'advised', findings: advice };
    if (passes > 0) return { rule, outcome: 'passed', findings: [] };
    if (skipped) return { rule, outcome: 'skipped', findings: ['it needs a program that the kit starts'] };
    return { rule, outcome: 'failed', findings: ['the scenario ended before it could be checked'] };
  }

  #mark(rule: RuleId): Mark {
    const known = this.#marks.get(rule);
    if (known !== undefined) return known;
    const mark = noMark();
    this.#marks.set(rule, mark);
    return mark;
  }
}

function noMark(): Mark {
  return { passes: 0, failures: [], advice: [], skipped: false, more: 0 };
}
