// In: a test file of the working copy. Out: whether it passes. The file runs in a process of its
// own, as under `npm test`, until it ends, a test in it fails, or its time is over; then the
// process and its descendants are killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { runtimeFlags } from '../../scripts/runtime.mjs';
import { descendantsOf, type ListedProcess, stillRunning } from '../support/process-table.ts';
import type { WorkingCopy } from './working-copy.ts';

/** How a run ended. */
export type Outcome = 'passed' | 'failed' | 'timeout';

/** A run of a test file. */
interface TestRun {
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** The last lines of the run, to show why it failed. */
  readonly lines: readonly string[];
}

/** How a test file is run. */
interface TestRunOptions {
  readonly timeoutMs: number;
  /** Where Node writes what was executed. */
  readonly coverageFolder?: string;
}

/** Ends a mutant that allocates without end before it harms the machine. */
const HEAP_MB_MAX = 1024;
/** How long a test process may take to end its own children. */
const GRACE_MS = 2000;
const LINES_MAX = 200;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) {
    const below = child.pid === undefined ? [] : descendantsOf(child.pid);
    child.kill('SIGKILL');
    killAll(below);
  }
});

const killAll = (processes: readonly ListedProcess[]): void => {
  for (const { pid } of stillRunning(processes))
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
};

const end = async (child: ChildProcess, exit: Promise<unknown>): Promise<void> => {
  if (child.pid === undefined || child.exitCode !== null) return;
  const below = descendantsOf(child.pid);
  child.kill('SIGTERM');
  await Promise.race([exit, wait(GRACE_MS, undefined, { ref: false })]);
  child.kill('SIGKILL');
  await exit;
  killAll(below);
};

const environment = (copy: WorkingCopy, coverageFolder: string | undefined): NodeJS.ProcessEnv => {
  const { NODE_TEST_CONTEXT: _context, NODE_V8_COVERAGE: _coverage, ...inherited } = process.env;
  const coverage = coverageFolder === undefined ? {} : { NODE_V8_COVERAGE: coverageFolder };
  return { ...inherited, TMPDIR: copy.tempFolder, ...coverage };
};

/** Runs one test file of the copy to its first failure. */
export const runTestFile = async (copy: WorkingCopy, path: string, { timeoutMs, coverageFolder }: TestRunOptions): Promise<TestRun> => {
  const startMs = performance.now();
  const args = [...runtimeFlags, `--max-old-space-size=${HEAP_MB_MAX}`, '--test-reporter=tap', path];
  const child = spawn(process.execPath, args, {
    cwd: copy.root,
    env: environment(copy, coverageFolder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: string[] = [];
  let ended: { outcome: Outcome; done: Promise<void> } | undefined;
  const endAs = (outcome: Outcome): void => {
    ended ??= { outcome, done: end(child, exit) };
  };
  const take = (line: string): void => {
    lines.push(line);
    if (lines.length > LINES_MAX) lines.shift();
  };
  createInterface({ input: child.stderr }).on('line', take);
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => {
    take(line);
    // With coverage, the process must end by itself to write what was executed.
    if (coverageFolder === undefined && /^\s*not ok\b(?!.*# SKIP\b)/.test(line)) endAs('failed');
  });
  const timer = setTimeout(() => endAs('timeout'), timeoutMs);
  const [code] = await exit;
  clearTimeout(timer);
  running.delete(child);
  await ended?.done;
  return { outcome: ended?.outcome ?? (code === 0 ? 'passed' : 'failed'), durationMs: performance.now() - startMs, lines };
};
