// @ts-check
// In: programs that run as long as a person wants them to. Out: their end, in the order that we choose.
// A terminal sends Ctrl-C to its whole process group at once; a child therefore leads a group of its own and hears only of what
// is passed on to it. No child outlives this process, unless that is killed outright.
import { spawn } from 'node:child_process';

/** @typedef {{ child: import('node:child_process').ChildProcess, exit: Promise<number> }} Running */

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The signals by which a person or a supervisor ends a program. */
export const endSignals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Starts a program in a process group of its own. `exit` resolves to its exit code, 128 if a signal ended it, and rejects
 * if it cannot be started.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, stdio?: import('node:child_process').StdioOptions }} options
 * @returns {Running}
 */
export const startChild = (program, args, { stdio = 'inherit', ...options }) => {
  const child = spawn(program, args, { ...options, stdio, detached: process.platform !== 'win32' });
  running.add(child);
  const exit = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      running.delete(child);
      resolve(code ?? 128);
    });
  });
  return { child, exit };
};

/**
 * Runs a program as if it stood in for this process: what would end us is passed on to it, and its exit code is returned.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} options
 */
export const foreground = async (program, args, options) => {
  const { child, exit } = startChild(program, args, options);
  for (const signal of endSignals) process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal));
  return exit;
};
