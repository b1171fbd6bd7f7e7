// @ts-check
// Runs programs until a person stops them, and ends them in an order that this module chooses. A
// terminal sends Ctrl-C to its whole process group at once, so each child leads a process group of
// its own and receives only the signals that are forwarded to it. No child outlives this process.
// While this process can act, it ends its children. If it is killed outright, each child reads end
// of file from its lifeline (docs/decision/0017-children-hold-a-lifeline.md).
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * @typedef {{ child: import('node:child_process').ChildProcess, exit: Promise<number> }} Running
 * @typedef {'channel' | 'shell'} Lifeline `channel`: for Hayate's own programs, which end in good
 * order. `shell`: for other programs, which a waiting shell kills; Unix only.
 * @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv, lifeline?: Lifeline,
 *   stdio?: import('node:child_process').StdioOptions }} ChildOptions
 */

/**
 * How long children may take to end in good order before they are killed. It is longer than a
 * server drains by default.
 */
const graceMs = 25_000;
/** Interval between two checks that npm is alive. */
const npmCheckMs = 500;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The signals by which a person or a supervisor ends a program. */
const endSignals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Waits for a line in the background, then becomes the program. If the parent is killed, end of
 * file comes before any line, and the shell kills the program. A line says that the program has
 * ended by itself. The waiting shell does not keep standard output, which it would
 * otherwise hold open.
 */
const shellLifeline = '(read -r _ <&3 || kill -9 $$) >/dev/null 2>&1 & exec 3<&-; exec "$@"';

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {ChildOptions} options
 * @returns {import('node:child_process').ChildProcess}
 */
const spawnHeld = (program, args, { lifeline, stdio = 'inherit', ...rest }) => {
  const detached = process.platform !== 'win32';
  if (lifeline === undefined) return spawn(program, args, { ...rest, stdio, detached });
  const three = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio;
  if (lifeline === 'channel') {
    const env = { ...(rest.env ?? process.env), HAYATE_LIFELINE: 'channel' };
    const child = spawn(program, args, { ...rest, env, stdio: [...three, 'ipc'], detached });
    child.channel?.unref();
    return child;
  }
  const child = spawn('sh', ['-c', shellLifeline, 'sh', program, ...args], { ...rest, stdio: [...three, 'pipe'], detached });
  const line = /** @type {import('node:stream').Writable | undefined} */ (child.stdio[3] ?? undefined);
  line?.on('error', () => undefined);
  child.on('exit', () => line?.end('\n'));
  return child;
};

/**
 * Starts a program in a process group of its own. `exit` resolves to its exit code, or to 128 if a
 * signal ended it, and rejects if the program cannot be started.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {ChildOptions} options
 * @returns {Running}
 */
export const startChild = (program, args, options) => {
  const child = spawnHeld(program, args, options);
  running.add(child);
  const exit = new Promise((resolve, reject) => {
    child.on('error', (error) => {
      running.delete(child);
      reject(error);
    });
    child.on('exit', () => running.delete(child));
    child.on('close', (code) => resolve(code ?? 128));
  });
  return { child, exit };
};

/**
 * Ends all children in good order, the last started first, and kills those that take too long.
 * Resolves when all have ended.
 */
export const endChildren = async () => {
  for (const child of [...running].reverse()) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
  }
};

/** The parent of a process and its name, where the system has /proc. @param {number} pid */
const processOf = (pid) => {
  try {
    const [, name = '', parent = ''] = /^\d+ \((.*)\) \S+ (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { name, parent: Number(parent) };
  } catch {
    return undefined;
  }
};

/**
 * Calls `onGone` when npm, which runs this script, is gone. npm holds no lifeline for this process.
 * If a shell runs between npm and this process, the shell's parent is watched.
 * @param {() => void} onGone
 */
const whenNpmIsGone = (onGone) => {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return;
  const parent = process.ppid;
  const shell = processOf(parent);
  const npm = shell !== undefined && /^(ba|da|a|z|k|)sh$/.test(shell.name) ? shell.parent : undefined;
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || processOf(parent)?.parent === npm)) return;
    clearInterval(timer);
    onGone();
  }, npmCheckMs);
  timer.unref();
};

/**
 * Settles when this program must end: at the first end signal, when its output has no reader any
 * more, or when npm is gone. A second signal ends this process and its children at once.
 * @param {() => void} [onSignal] called at the first signal
 * @returns {Promise<'stopped'>}
 */
export const untilStopped = (onSignal) =>
  new Promise((resolve) => {
    let asked = false;
    for (const signal of endSignals)
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        onSignal?.();
        resolve('stopped');
      });
    for (const output of [process.stdout, process.stderr]) output.on('error', () => resolve('stopped'));
    whenNpmIsGone(() => resolve('stopped'));
  });

/**
 * Runs a program in place of this process: forwards to it every signal that would end this process,
 * and returns its exit code.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {ChildOptions} options
 */
export const foreground = async (program, args, options) => {
  const { child, exit } = startChild(program, args, options);
  for (const signal of endSignals) process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  whenNpmIsGone(() => child.kill('SIGTERM'));
  return exit;
};
