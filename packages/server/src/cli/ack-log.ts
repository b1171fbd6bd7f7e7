// The broadcaster's own record of the server's acknowledgements: one JSON line for each, appended
// to a file. A line covers every sequence of its epoch before `nextSequence`, except the ranges
// that this line or an earlier one lists as dropped.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Broadcaster, Unsubscribe } from '@hayate/client';
import { epochText } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';
import type { Io } from './command.ts';
import { systemWords } from './failure.ts';

/** Receives the lines. */
export interface AckFile {
  /** Throws the system's error, with the path. */
  write(line: string): void;
  close(): void;
}

/**
 * Opens `path` for appending, or standard output for `-`. Throws CONFIGURATION if it cannot be
 * written.
 */
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
    // Refuse a pipe without a reader instead of waiting for one.
    return openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK);
  } catch (cause) {
    throw new HayateError('CONFIGURATION', `--ack-log ${path}: ${systemWords(cause) ?? 'cannot be opened'}`, { cause });
  }
}

/** Writes the acknowledgements of `broadcaster` until it is closed or a write fails. */
export class AckLog {
  readonly #file: AckFile;
  readonly #unsubscribe: Unsubscribe;

  /**
   * Writes to `file` until it is closed. Reports the first error of a later write to `onFailure`.
   */
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
