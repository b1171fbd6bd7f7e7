// What a command of `hayate` is: a name, a table of settings, and a function that does the work. It reads and writes only
// through what it is given, and never ends the process.
import type { Readable } from 'node:stream';
import type { FlagTable, FlagValues } from '../kernel/flag.ts';

/** Where output goes. */
export interface Output {
  write(data: string | Uint8Array): unknown;
  /** Whether a person watches it. */
  readonly isTTY?: boolean;
  /** Aborted when its reader has left: more need not be written. */
  readonly readerLeft?: AbortSignal;
  /** Bytes that its reader has not taken yet. */
  readonly waitingBytes?: number;
  /** Resolves when its reader has taken all, or has left. */
  drain?(): Promise<void>;
  /** Its width in characters, if it is a terminal. */
  readonly columns?: number;
}

/** The world as a command sees it. */
export interface Io {
  /** Results, for other programs. */
  readonly stdout: Output;
  /** What is piped in; undefined if nothing can be. */
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  /** Progress, for people. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborted by the first SIGINT, SIGTERM or SIGQUIT and by the end of the terminal, with an Interrupted: stop soon. A second
   * signal ends the process.
   */
  readonly interrupted: AbortSignal;
  /**
   * Makes the command a service: it continues when nobody reads its output any more, and SIGHUP calls `reload`, unless it was
   * started from a terminal, whose end SIGHUP is.
   */
  readonly becomeService?: (reload: () => void) => void;
  /** Asks the person at the terminal; undefined if there is none. Empty if nothing is answered. */
  readonly ask?: (question: string) => Promise<string>;
}

/** A command. */
export interface Command<T extends FlagTable = FlagTable> {
  /** What is typed after `hayate`: one word or more. */
  readonly name: string;
  /** What it does: a clause without a full stop. */
  readonly summary: string;
  /** More about it, in the help text; lines of at most 100 characters. */
  readonly details?: string;
  readonly flags: T;
  /** Ends by itself after an interruption, within a limit of its own. Others are left after two seconds. */
  readonly stopsItself?: true;
  /** Does the work; resolves to the exit code, 0 if none. Expected failures are thrown as HayateError. */
  run(args: FlagValues<T>, io: Io): Promise<number | undefined>;
}

/** Keeps the types of a command's table for its `run`. */
export function defineCommand<const T extends FlagTable>(command: Command<T>): Command<T> {
  return command;
}
