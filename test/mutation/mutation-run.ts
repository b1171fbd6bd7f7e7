// In: a repository, the files to mutate, and words for further tests. Out: the fate of each mutant.
// A test file first runs once without any change, which must pass: that gives its time limit and
// the places that it executes. A mutant then meets the test files that execute its place, the
// fastest first, until one fails.
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { type MutationArguments, MutationError } from './arguments.ts';
import { type Coverage, isCovered, readCoverage } from './coverage.ts';
import { applyMutant, type Mutant, mutantsOf } from './mutant.ts';
import { runTestFile } from './test-run.ts';
import { WorkingCopy } from './working-copy.ts';

/** What the tests made of a mutant. `timeout` counts as killed. */
export type Result = 'killed' | 'timeout' | 'survived' | 'no coverage';

/** A mutant and its result. */
export interface Verdict extends Mutant {
  readonly result: Result;
}

/** All verdicts of one file. */
export interface FileReport {
  readonly path: string;
  readonly source: string;
  /** How many mutants there are; with a sample, more than `verdicts`. */
  readonly mutants: number;
  readonly declaredEquivalent: number;
  readonly verdicts: readonly Verdict[];
}

/** Where and how to mutate. */
export interface MutationOptions extends Omit<MutationArguments, 'help'> {
  /** The repository's root, an absolute path. */
  readonly root: string;
  /** A test file may take this much longer than four times its unchanged run. Default 5,000. */
  readonly extraMs?: number;
  /** Called after each mutant, and after each unchanged run. */
  readonly onProgress: (line: string) => void;
}

const isTestFile = (path: string): boolean => /\.test\.tsx?$/.test(path);
const isSourceFile = (path: string): boolean =>
  /\.tsx?$/.test(path) && !/\.(test|test-child|bench|d)\.tsx?$/.test(path) && !/-contract\.ts$/.test(path);

/** An unchanged run of a test file. */
interface Baseline {
  readonly path: string;
  readonly durationMs: number;
  readonly coverage: Coverage;
}

const BASELINE_MS_MAX = 300_000;
const EXTRA_MS = 5000;

class MutationRun {
  readonly #copy: WorkingCopy;
  readonly #options: MutationOptions;
  readonly #baselines = new Map<string, Promise<Baseline>>();

  constructor(copy: WorkingCopy, options: MutationOptions) {
    this.#copy = copy;
    this.#options = options;
  }

  /** The source files that the targets name. */
  files(): string[] {
    return this.#options.targets.flatMap((target) => {
      const name = target.replace(/^\.\//, '').replace(/\/$/, '');
      const found = this.#copy.paths.filter((path) => (path === name || path.startsWith(`${name}/`)) && isSourceFile(path));
      if (found.length === 0) throw new MutationError(`${target} is no source file of the repository, nor a folder of such files`);
      return found;
    });
  }

  async report(path: string): Promise<FileReport> {
    const source = this.#copy.read(path);
    const { mutants, declaredEquivalent } = mutantsOf(path, source);
    const baselines = await this.#baselinesOf(path);
    const verdicts: Verdict[] = [];
    for (const mutant of this.#sampleOf(mutants)) {
      const result = await this.#resultOf(path, source, mutant, baselines);
      verdicts.push({ ...mutant, result });
      this.#options.onProgress(`${result} ${path}:${mutant.line}:${mutant.column}`);
    }
    return { path, source, mutants: mutants.length, declaredEquivalent, verdicts };
  }

  #sampleOf(mutants: readonly Mutant[]): readonly Mutant[] {
    const { sample = mutants.length, seed } = this.#options;
    const random = new SeededRandom(seed);
    const drawn = mutants.map((mutant) => ({ mutant, draw: random.unit() })).sort((a, b) => a.draw - b.draw);
    const chosen = new Set(drawn.slice(0, sample).map(({ mutant }) => mutant));
    return mutants.filter((mutant) => chosen.has(mutant));
  }

  /** The test files in the file's folder and those that the words name. */
  testsOf(path: string): string[] {
    const isRelated = (test: string): boolean =>
      dirname(test) === dirname(path) || this.#options.testWords.some((word) => test.includes(word));
    const tests = this.#copy.paths.filter((test) => isTestFile(test) && isRelated(test));
    if (tests.length === 0) throw new MutationError(`${path} has no test in its folder; name some by --tests WORD`);
    return tests;
  }

  /** Its test files, each run once unchanged; the fastest first. */
  async #baselinesOf(path: string): Promise<Baseline[]> {
    const baselines: Baseline[] = [];
    for (const test of this.testsOf(path)) {
      const known = this.#baselines.get(test) ?? this.#baseline(test);
      this.#baselines.set(test, known);
      baselines.push(await known);
    }
    return baselines.sort((a, b) => a.durationMs - b.durationMs);
  }

  async #baseline(path: string): Promise<Baseline> {
    const coverageFolder = join(this.#copy.tempFolder, 'coverage');
    mkdirSync(coverageFolder);
    const run = await runTestFile(this.#copy, path, { timeoutMs: BASELINE_MS_MAX, coverageFolder });
    if (run.outcome !== 'passed') throw new MutationError(`${path} fails without any change:\n${run.lines.join('\n')}`);
    const coverage = readCoverage(coverageFolder);
    rmSync(coverageFolder, { recursive: true });
    this.#options.onProgress(`${(run.durationMs / 1000).toFixed(1)} s ${path}`);
    return { path, durationMs: run.durationMs, coverage };
  }

  async #resultOf(path: string, source: string, mutant: Mutant, baselines: readonly Baseline[]): Promise<Result> {
    const covering = baselines.filter(({ coverage }) => isCovered(coverage, join(this.#copy.root, path), mutant.start));
    if (covering.length === 0) return 'no coverage';
    const { extraMs = EXTRA_MS } = this.#options;
    this.#copy.write(path, applyMutant(source, mutant));
    try {
      for (const test of covering) {
        const { outcome } = await runTestFile(this.#copy, test.path, { timeoutMs: 4 * test.durationMs + extraMs });
        this.#copy.clear();
        if (outcome !== 'passed') return outcome === 'timeout' ? 'timeout' : 'killed';
      }
      return 'survived';
    } finally {
      this.#copy.write(path, source);
    }
  }
}

/** Mutates each file in turn. Throws a MutationError for a wrong target or a failing test. */
export const mutate = async (options: MutationOptions): Promise<FileReport[]> => {
  const copy = new WorkingCopy(options.root);
  const remove = (): void => copy.remove();
  process.once('exit', remove);
  try {
    const run = new MutationRun(copy, options);
    const reports: FileReport[] = [];
    const files = run.files();
    // A file without tests is refused before hours are spent on the others.
    for (const path of files) run.testsOf(path);
    for (const path of files) reports.push(await run.report(path));
    return reports;
  } finally {
    process.off('exit', remove);
    remove();
  }
};
