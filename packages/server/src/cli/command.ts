// Defines a command of `hayate`: a name, a table of settings, and a function that does the work.
// The function reads and writes only through its arguments, and never ends the process.
import type { Readable } from 'node:stream';
import type { FlagTable, FlagValues } from '../kernel/flag.ts';

/** A destination for output. */
export interface Output {
  write(data: string | Uint8Array): unknown;
  /** Whether it is a terminal. */
  readonly isTTY?: boolean;
  /** Aborted when its reader has left: no more output is needed. */
  readonly readerLeft?: AbortSignal;
  /** Bytes that its reader has not taken yet. */
  readonly waitingBytes?: number;
  /** Resolves when its reader has taken everything, or has left. */
  drain?(): Promise<void>;
  /** Its width in characters, if it is a terminal. */
  readonly columns?: number;
}

/** All input and output of a command. */
export interface Io {
  /** Results, for other programs. */
  readonly stdout: Output;
  /** Piped input; undefined if there can be none. */
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  /** Progress, for people. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Aborted, with an Interrupted, by the first SIGINT, SIGTERM or SIGQUIT and by the end of the
   * terminal. The command should then stop soon. A second signal ends the process.
   */
  readonly interrupted: AbortSignal;
  /**
   * Makes the command a service. A service continues when its output has no reader any more, and
   * SIGHUP calls `reload`. If it was started from a terminal, SIGHUP means that the terminal ended,
   * and `reload` is not called.
   */
  readonly becomeService?: (reload: () => void) => void;
  /**
   * Asks the person at the terminal; undefined if there is no terminal. Returns '' without an
   * answer.
   */
  readonly ask?: (question: string) => Promise<string>;
}

/** A command. */
export interface Command<T extends FlagTable = FlagTable> {
  /** The words that are typed after `hayate`, one or more. */
  readonly name: string;
  /** The command's purpose: a clause without a full stop. */
  readonly summary: string;
  /** More text for the help; lines of at most 100 characters. */
  readonly details?: string;
  readonly flags: T;
  /**
   * The command ends by itself after an interruption, within its own limit. Other commands are
   * abandoned after two seconds.
   */
  readonly stopsItself?: true;
  /**
   * Does the work; resolves to the exit code, undefined for 0. Expected failures are thrown as
   * HayateError.
   */
  run(args: FlagValues<T>, io: Io): Promise<number | undefined>;
}

/** Preserves the types of a command's table for its `run`. */
export function defineCommand<const T extends FlagTable>(command: Command<T>): Command<T> {
  return command;
}
