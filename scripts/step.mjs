// @ts-check
// In: the next action of a script. Out: one line for it, with its seconds, on standard error
// (standard output belongs to results), and the programs that it runs. A program's output is shown
// only if the program fails, so that a newcomer sees steps and not tools. An expected failure is a
// `Refusal`: one clear line and exit code 1, no stack.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure that its message explains completely. */
export class Refusal extends Error {}

/**
 * Runs `work` and prints `label`, then its seconds and the string it returned, as a remark.
 * @param {string} label
 * @param {() => Promise<string | void>} work
 */
export const step = async (label, work) => {
  const start = performance.now();
  process.stderr.write(`  ${label} … `);
  try {
    const remark = await work();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stderr.write(`${seconds} s${remark ? ` (${remark})` : ''}\n`);
  } catch (error) {
    process.stderr.write('failed\n');
    throw error;
  }
};

/**
 * Runs a program to its end. With `quiet`, its output is shown only if it fails.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options]
 * @returns {Promise<number>} its exit code; 1 when a signal ended it
 */
export const run = (program, args, { cwd = root, env = process.env, quiet = false } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'] });
    /** @type {Buffer[]} */
    const output = [];
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr?.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) process.stderr.write(Buffer.concat(output));
      resolve(code ?? 1);
    });
  });

/**
 * Runs npm: the one that runs this script, or the one on PATH.
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options]
 */
export const runNpm = (args, options) => {
  const npm = process.env.npm_execpath;
  return npm?.endsWith('npm-cli.js') ? run(process.execPath, [npm, ...args], options) : run('npm', args, options);
};

/**
 * The main function of a script. The result of `main` becomes the exit code, and a Refusal becomes
 * one line.
 * @param {string} name the command, as a person types it
 * @param {() => Promise<number | void>} main
 */
export const script = async (name, main) => {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof Refusal ? `${name}: ${error.message}` : error);
    process.exitCode = 1;
  }
};

/**
 * Whether `url`, an import.meta.url, is the script that Node was started with.
 * @param {string} url
 */
export const isMain = (url) => process.argv[1] !== undefined && fileURLToPath(url) === process.argv[1];
