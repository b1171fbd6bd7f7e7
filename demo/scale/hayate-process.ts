// Runs the `hayate` command as a user would. In: arguments. Out: a running process and the
// addresses it printed.

import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startChild } from '../../scripts/foreground.mjs';
import { runtimeFlags } from '../../scripts/runtime.mjs';

const program = fileURLToPath(new URL('../../packages/server/bin/hayate.mjs', import.meta.url));

/** A running `hayate` command. */
export class HayateProcess {
  readonly exit: Promise<number>;
  readonly #child: ReturnType<typeof startChild>['child'];
  readonly #lines: string[] = [];
  #onLine: () => void = () => undefined;
  #lastError = '';

  /** `env` extends this process's own environment; secrets travel there. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    const { child, exit } = startChild(process.execPath, [...runtimeFlags, program, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      lifeline: 'channel',
    });
    this.#child = child;
    this.exit = exit;
    exit.catch(() => undefined);
    if (child.stdout === null || child.stderr === null) throw new Error('the output of a process is not piped');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#onLine();
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#lastError = line;
    });
  }

  /** The last output on standard error. */
  get lastError(): string {
    return this.#lastError;
  }

  /**
   * Resolves to the first group of the first line that matches. Rejects if the process ends first.
   * One caller at a time.
   */
  untilLine(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#onLine = () => {
        const found = this.#lines.map((line) => pattern.exec(line)).find((match) => match !== null);
        if (found !== undefined) resolve(found?.[1] ?? '');
      };
      this.#onLine();
      this.exit.then(() => reject(new Error(this.#lastError || 'a server ended during its start')), reject);
    });
  }

  /** Sends the signal and resolves when the process has ended. */
  async stop(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.exit.catch(() => undefined);
  }
}
