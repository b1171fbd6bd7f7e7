// In: a program and its arguments. Out: the running child, its output by lines, and its exit. Each
// child leads its own process group, and the whole group is killed with it: no test leaves a
// process behind, whether it passes, fails or is interrupted. The number of kept lines is bounded;
// the oldest are dropped and counted.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { cleanUp, type TestScope } from './clean-up.ts';
import { type PollOptions, poll } from './poll.ts';

/** The repository's root folder, without a trailing slash. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

type StartOptions = {
  /** The program; by default the Node that runs the tests. */
  readonly executable?: string;
  /** Working folder; by default the repository's root. */
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

/** How a process ended: its code, or the signal that ended it. */
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type TestProcess = {
  readonly pid: number;
  /** Lines so far, of both outputs in order of arrival; past 20,000 the oldest are dropped. */
  readonly lines: readonly string[];
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly stdin: Writable;
  /** Settles when the process has ended and its output has been read to the end. */
  readonly exit: Promise<Exit>;
  /**
   * The match in the first matching line of either output, including earlier lines. Rejects if the
   * process ends first.
   */
  readonly untilLine: (pattern: RegExp, options?: PollOptions) => Promise<RegExpExecArray>;
  /** Sends a signal to this process only. False if it has ended. */
  readonly kill: (signal: NodeJS.Signals) => boolean;
  /** Sends SIGINT to the whole process group, as a terminal does at Ctrl-C. */
  readonly interrupt: () => boolean;
};

const linesMax = 20_000;
const groups = new Set<number>();

const killGroup = (pid: number): void => {
  groups.delete(pid);
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has already ended.
  }
};
const killAll = (): void => groups.forEach(killGroup);
process.once('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

const keepLines = (input: Readable, ...lists: string[][]): Promise<unknown> => {
  const reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  reader.on('line', (line) => {
    for (const list of lists) {
      list.push(line);
      if (list.length > linesMax) list.shift();
    }
  });
  return once(reader, 'close');
};

/**
 * The environment of a child: ours, without the variables that belong to this test run or configure
 * Hayate, plus the test's additions.
 */
const childEnvironment = (added: StartOptions['env']): NodeJS.ProcessEnv => {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, NODE_CHANNEL_FD: _channel, ...inherited } = process.env;
  const plain = Object.entries(inherited).filter(([name]) => !name.startsWith('HAYATE_'));
  return { ...Object.fromEntries(plain), ...added };
};

/**
 * Starts a process that ends with the test `t` at the latest: its whole group is then killed and
 * reaped.
 *
 * @param args for Node: `['packages/server/bin/hayate.mjs', 'serve', '--port', '0']`
 */
export const startProcess = (t: TestScope, args: readonly string[], options: StartOptions = {}): TestProcess => {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(options.executable ?? process.execPath, args, {
    cwd: options.cwd ?? root,
    env: childEnvironment(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) {
    child.on('error', () => undefined);
    throw new Error(`could not start ${options.executable ?? process.execPath}`);
  }
  groups.add(pid);
  child.stdin.on('error', () => undefined);
  const lines: string[] = [];
  const stdout: string[] = [];
  const stderr: string[] = [];
  const outputs = [keepLines(child.stdout, lines, stdout), keepLines(child.stderr, lines, stderr)];
  let ended = false;
  const exit = (async (): Promise<Exit> => {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    await Promise.all(outputs);
    ended = true;
    return { code, signal };
  })();
  exit.catch(() => undefined);
  cleanUp(t, async () => {
    killGroup(pid);
    await exit;
  });

  const shown = (): string => lines.slice(-40).join('\n');
  const untilLine = async (pattern: RegExp, pollOptions?: PollOptions): Promise<RegExpExecArray> => {
    const find = (): RegExpExecArray | undefined => {
      for (const line of lines) {
        const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(line);
        if (match !== null) return match;
      }
      return undefined;
    };
    const found = await poll(
      `a line that matches ${pattern} from ${args.join(' ')}`,
      () => find() ?? (ended ? 'ended' : undefined),
      pollOptions,
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${shown()}`, { cause: error });
    });
    if (found === 'ended') throw new Error(`${args.join(' ')} ended before a line matched ${pattern}:\n${shown()}`);
    return found;
  };

  return {
    pid,
    lines,
    stdout,
    stderr,
    stdin: child.stdin,
    exit,
    untilLine,
    kill: (signal) => child.kill(signal),
    interrupt: () => process.kill(-pid, 'SIGINT'),
  };
};

/**
 * Runs a process to its end and returns its exit and output. Bounded by two minutes, or by
 * `timeoutMs`.
 */
export const runProcess = async (
  t: TestScope,
  args: readonly string[],
  options: StartOptions & PollOptions = {},
): Promise<Exit & TestProcess> => {
  const started = startProcess(t, args, options);
  started.stdin.end();
  let exit: Exit | undefined;
  const watching = started.exit.then((value) => {
    exit = value;
  });
  const result = await poll(`the end of ${args.join(' ')}`, () => exit, { timeoutMs: options.timeoutMs ?? 120_000 });
  await watching;
  return { ...started, ...result };
};
