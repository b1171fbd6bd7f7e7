// The broadcaster's own list of what it was promised: a JSON line for each acknowledgement, appended to a file. A line
// stands for every sequence of its epoch before `nextSequence`, without the ranges that lines up to it name as dropped.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Broadcaster, Unsubscribe } from '@hayate/client';
import { epochText } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';
import type { Io } from './command.ts';
import { systemWords } from './failure.ts';

/** Takes the lines. */
export interface AckFile {
  /** Throws the system's error with the path. */
  write(line: string): void;
  close(): void;
}

/** Opens `path` to append, or standard output for `-`. Throws CONFIGURATION if it cannot be written. */
export function openAckFile(path: string, { stdout }: Pick<Io, 'stdout'>): AckFile {
  if (path === '-') return { write: (line) => void stdout.write(line), close: () => undefined };
  const descriptor = openToAppend(path);
  const write = (line: string) => {
    try {
      writeSync(descriptor, line);
    } catch (error) {
      throw error instanceof Error ? Object.assign(error, { path }) : error;
    }
  };
  return { write, close: () => closeSync(descriptor) };
}

function openToAppend(path: string): number {
  try {
    // A pipe that nobody reads is refused instead of waited for.
    return openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK);
  } catch (cause) {
    throw new HayateError('CONFIGURATION', `--ack-log ${path}: ${systemWords(cause) ?? 'cannot be opened'}`, { cause });
  }
}

/** Writes what `broadcaster` is acknowledged until it is closed, or writing fails. */
export class AckLog {
  readonly #file: AckFile;
  readonly #unsubscribe: Unsubscribe;

  /** Writes to `file` until it is closed. An error of a later write goes to `onFailure`, once. */
  constructor(file: AckFile, broadcaster: Broadcaster, onFailure: (error: unknown) => void) {
    this.#file = file;
    this.#unsubscribe = broadcaster.on('ack', ({ nextSequence, dropped }) => {
      const { epoch } = broadcaster;
      if (epoch === undefined) return;
      const line = { epoch: epochText(epoch), nextSequence, dropped: dropped.map(({ first, last }) => [first, last]) };
      try {
        this.#file.write(`${JSON.stringify(line)}\n`);
      } catch (error) {
        this.#unsubscribe();
        onFailure(error);
      }
    });
  }

  close(): void {
    this.#unsubscribe();
    this.#file.close();
  }
}
