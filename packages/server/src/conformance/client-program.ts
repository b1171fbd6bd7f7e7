// Runs a client under test as a program. In: the environment variables of the interface. Out: its
// lines and exit status. The program leads its own process group, which is killed when the scenario
// is over.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { HayateError } from '../kernel/error.ts';

/** A line of the program's standard output. */
export type ProgramLine = Readonly<Record<string, unknown>> & { readonly event: string };

/** How a program ended: its status, or the signal that ended it. */
interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface ProgramOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Called after each line, and when the program ends. */
  readonly onChange: () => void;
  /** Called with a line that is not a JSON object with an `event`. */
  readonly onNonsense: (line: string) => void;
}

/** Number of lines of standard error that are kept for reports. */
const ERROR_LINES_MAX = 20;
/** Number of lines of standard output that are kept. A program that prints more is in a loop. */
const LINES_MAX = 100_000;

/** One run of a program. */
export class ClientProgram {
  readonly lines: ProgramLine[] = [];
  readonly errorLines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  exit: ProgramExit | undefined;

  /** Starts the program. If it does not exist, `started` rejects later. */
  constructor({ command, env, onChange, onNonsense }: ProgramOptions) {
    const [program = '', ...args] = command;
    const inherited = Object.entries(process.env).filter(([name]) => !/^(HAYATE_|NODE_TEST_CONTEXT$)/.test(name));
    const child = spawn(program, args, {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.errorLines.push(line);
      if (this.errorLines.length > ERROR_LINES_MAX) this.errorLines.shift();
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const parsed = parseLine(line);
      if (parsed === undefined) onNonsense(line);
      else if (this.lines.length < LINES_MAX) this.lines.push(parsed);
      onChange();
    });
    this.#ended = new Promise((resolve) => {
      const end = (exit: ProgramExit) => {
        this.exit ??= exit;
        onChange();
        resolve();
      };
      child.once('close', (code, signal) => end({ code, signal }));
      child.once('error', () => end({ code: 127, signal: null }));
    });
  }

  /** Resolves when the program runs. Throws HayateError CONFIGURATION if it cannot be started. */
  started(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#child.pid !== undefined) resolve();
    this.#child.once('spawn', resolve);
    this.#child.once('error', (cause) => reject(new HayateError('CONFIGURATION', `${this.#child.spawnfile} cannot be started`, { cause })));
    return promise;
  }

  /** Sends a signal: SIGTERM to the program, SIGKILL to its whole process group. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(signal === 'SIGKILL' ? -pid : pid, signal);
    } catch {
      // The program has already ended.
    }
  }

  /** Kills the program and its process group. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }
}

function parseLine(line: string): ProgramLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isLine = typeof value === 'object' && value !== null && 'event' in value && typeof value.event === 'string';
    return isLine ? (value as ProgramLine) : undefined;
  } catch {
    return undefined;
  }
}
