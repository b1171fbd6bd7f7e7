// A child process that reads a line and answers with a line of JSON: the load client, and every
// measured server. It ends with its scope, which closes its input and kills it if it does not end
// in time.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { cleanUp } from '../../test/support/clean-up.ts';
import { root } from '../../test/support/process.ts';
import type { Scope } from './scope.ts';

/** How to start a child. */
export interface ChildOptions {
  /** The core that the child is bound to. Undefined leaves the choice to the kernel. */
  core?: number | undefined;
  /** How many open files the child may have. */
  files?: number;
  env?: Readonly<Record<string, string>>;
}

/** How long to wait for a line, unless the caller gives another time. */
const ANSWER_MS = 60_000;
const END_MS = 3_000;

/** A running child. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: string[] = [];
  readonly #ended: Promise<unknown>;
  #arrived = Promise.withResolvers<void>();
  #over = false;

  private constructor(name: string, process: ChildProcessByStdio<Writable, Readable, null>) {
    this.name = name;
    this.#process = process;
    process.stdin.on('error', () => undefined);
    createInterface({ input: process.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#arrived.resolve();
    });
    this.#ended = once(process, 'close').then(() => {
      this.#over = true;
      this.#arrived.resolve();
    });
  }

  /** Starts `program`. Its standard error is shown. */
  static start(scope: Scope, program: string, args: readonly string[], { core, files, env = {} }: ChildOptions = {}): Child {
    const wrapped = [
      ...(files === undefined ? [] : ['prlimit', `--nofile=${files}:${files}`]),
      ...(core === undefined ? [] : ['taskset', '-c', String(core)]),
      program,
      ...args,
    ];
    const [executable = program, ...rest] = wrapped;
    // A Hayate variable in this environment must not change the measurement.
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HAYATE_')));
    const started = spawn(executable, rest, { cwd: root, env: { ...inherited, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    const child = new Child([program, ...args].join(' ').slice(0, 200), started);
    cleanUp(scope, () => child.end());
    return child;
  }

  /** The program's process id, because prlimit and taskset replace themselves with the program. */
  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`could not start ${this.name}`);
    return pid;
  }

  send(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The next line. Rejects when the child ends or no line comes in time. */
  async line(timeoutMs = ANSWER_MS): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#over) throw new Error(`${this.name} ended (${this.#process.exitCode ?? this.#process.signalCode})`);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, deadline - performance.now());
      await Promise.race([this.#arrived.promise, promise]);
      clearTimeout(timer);
      this.#arrived = Promise.withResolvers();
      if (this.#lines.length === 0 && performance.now() >= deadline) throw new Error(`${this.name} said nothing for ${timeoutMs} ms`);
    }
  }

  /** Sends a line and reads the answer. */
  async ask<T>(line: string, timeoutMs?: number): Promise<T> {
    this.send(line);
    return JSON.parse(await this.line(timeoutMs)) as T;
  }

  /** Resolves when the child has ended. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Closes the child's input, waits for its end, and kills it if it does not end. */
  async end(): Promise<void> {
    if (this.#over || this.#process.pid === undefined) return;
    this.#process.stdin.end();
    // A child that a signal has stopped would not end.
    this.#process.kill('SIGCONT');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), END_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
