// Opens the destination of a command's bytes: a file, a device, a pipe, or standard output for `-`.
// In: the value of --out. Out: an output that was checked before the command waits for anything. An
// existing file is not changed by the check.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { HayateError } from '../kernel/error.ts';
import type { Io, Output } from './command.ts';
import { systemWords } from './failure.ts';
import { markUnfinished } from './interruption.ts';
import { StandardOutput } from './standard-output.ts';

/** A reader with more waiting bytes than this is given up. */
const WAITING_BYTES_MAX = 16 * 1_048_576;

/** Receives a command's bytes. */
export interface ByteOutput {
  /** Name for messages. */
  readonly name: string;
  /** Aborted when its reader has left; never aborted for a file. */
  readonly readerLeft: AbortSignal;
  /**
   * Writes all of `bytes`. Throws the system's error with the path; the bytes already in the file
   * stay intact.
   */
  write(bytes: Uint8Array): void;
  /** Resolves when there is room for more. */
  drain(): Promise<void>;
  /** Ends the output after the last write. */
  complete(): void;
  /** Closes it, whether or not it is complete. */
  close(): void;
}

/**
 * Opens `path`, the value of the option `option`, or standard output for `-`. `appears` says when a
 * file gets its name: when it is `complete`, or at the first write. In the second case the file
 * keeps the bytes written so far, whatever happens. Throws CONFIGURATION if it cannot be written.
 */
export function openOutput(option: string, path: string, { stdout }: Pick<Io, 'stdout'>, appears: 'complete' | 'first write'): ByteOutput {
  if (path === '-') {
    if (stdout.isTTY)
      throw new HayateError('CONFIGURATION', `${option} -: this is a terminal and the output is binary; send it to a file or a program`);
    return new StreamOutput('standard output', stdout);
  }
  try {
    const target = describe(path);
    if (target?.isDirectory()) throw Object.assign(new Error('directory'), { code: 'EISDIR' });
    // Opening a pipe without a reader would wait for one, and could not be interrupted.
    if (target?.isFIFO()) return new StreamOutput(path, pipeOutput(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)));
    if (target !== undefined) closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    if (target !== undefined && !target.isFile()) return new NamedFile(path);
    if (appears === 'complete') return new WholeFile(target === undefined ? path : realpathSync(path));
    if (target === undefined) {
      closeSync(openSync(path, 'wx'));
      rmSync(path);
    }
    return new NamedFile(path);
  } catch (cause) {
    const words = systemWords(cause);
    if (words === undefined) throw cause;
    throw new HayateError('CONFIGURATION', `${option} ${path}: ${words}`, { cause });
  }
}

function describe(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function pipeOutput(descriptor: number): StandardOutput {
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  return new StandardOutput(socket);
}

/** Writes bytes to a descriptor; a write that fails leaves the file's length unchanged. */
class Descriptor {
  readonly #path: string;
  readonly #descriptor: number;
  #length: number;

  constructor(path: string, flags: string) {
    this.#path = path;
    this.#descriptor = openSync(path, flags);
    this.#length = 0;
  }

  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
      this.#length += bytes.length;
    } catch (error) {
      if (fstatSync(this.#descriptor).isFile()) ftruncateSync(this.#descriptor, this.#length);
      throw Object.assign(error instanceof Error ? error : new Error(String(error)), { path: this.#path });
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** A file that has its name from the first write. */
class NamedFile implements ByteOutput {
  readonly name: string;
  readonly readerLeft = new AbortController().signal;
  #file: Descriptor | undefined;

  constructor(path: string) {
    this.name = path;
  }

  write(bytes: Uint8Array): void {
    this.#file ??= new Descriptor(this.name, 'w');
    this.#file.write(bytes);
  }

  async drain(): Promise<void> {}

  complete(): void {}

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** A file that gets its name only when it is complete. */
class WholeFile implements ByteOutput {
  readonly name: string;
  readonly readerLeft = new AbortController().signal;
  readonly #partial: string;
  readonly #mark: { finished(): void };
  #file: Descriptor | undefined;

  constructor(path: string) {
    this.name = path;
    this.#partial = `${path}.${process.pid}.partial`;
    this.#file = new Descriptor(this.#partial, 'wx');
    this.#mark = markUnfinished(this.#partial);
  }

  write(bytes: Uint8Array): void {
    this.#file?.write(bytes);
  }

  async drain(): Promise<void> {}

  complete(): void {
    this.#file?.close();
    this.#file = undefined;
    renameSync(this.#partial, this.name);
    this.#mark.finished();
  }

  close(): void {
    if (this.#file === undefined) return;
    this.#file.close();
    this.#file = undefined;
    rmSync(this.#partial, { force: true });
    this.#mark.finished();
  }
}

/** Standard output or a named pipe. */
class StreamOutput implements ByteOutput {
  readonly name: string;
  readonly #output: Output;

  constructor(name: string, output: Output) {
    this.name = name;
    this.#output = output;
  }

  get readerLeft(): AbortSignal {
    return this.#output.readerLeft ?? new AbortController().signal;
  }

  write(bytes: Uint8Array): void {
    if ((this.#output.waitingBytes ?? 0) > WAITING_BYTES_MAX)
      throw new HayateError('CLOSED', `${this.name}: its reader is more than ${WAITING_BYTES_MAX / 1_048_576} MiB behind`);
    this.#output.write(bytes);
  }

  async drain(): Promise<void> {
    await this.#output.drain?.();
  }

  complete(): void {}

  close(): void {
    if (this.#output instanceof StandardOutput && this.name !== 'standard output') this.#output.end();
  }
}
