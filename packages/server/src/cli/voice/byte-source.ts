// Reads a path, or standard input for `-`, piece by piece. A regular file can be read again from
// its beginning; a pipe, a terminal or a device is read once, as bytes arrive. Memory is bounded by
// the piece size and the peeked bytes, because nothing is read whole.
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { HayateError } from '../../kernel/error.ts';

const PIECE_BYTES = 65_536;

/** A source of bytes. */
export interface ByteSource {
  /** Its name for messages. */
  readonly name: string;
  /** Its size in bytes; undefined if it can be read only once. */
  readonly size: number | undefined;
  /**
   * Returns the first bytes: at least `count`, fewer only if there are no more. `bytes` returns
   * them again.
   */
  peek(count: number): Promise<Uint8Array>;
  /** Returns the last bytes, at most `count`; empty if the source can be read only once. */
  tail(count: number): Promise<Uint8Array>;
  /**
   * Returns all bytes from the beginning. Call it once if `size` is undefined. Rejects with the
   * system's error.
   */
  bytes(): AsyncIterable<Uint8Array>;
  /** Closes the source; reading ends. */
  close(): Promise<void>;
}

export interface ByteSourceOptions {
  /** The input that `-` stands for. */
  readonly stdin: Readable;
  /** When aborted, the current read ends, and so does waiting for it. */
  readonly signal: AbortSignal;
}

/**
 * Opens `path`. Rejects with the system's error, or with HayateError if `path` cannot be read from.
 */
export async function openByteSource(path: string, { stdin, signal }: ByteSourceOptions): Promise<ByteSource> {
  if (path === '-') {
    const onAbort = () => stdin.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    return new StreamSource('standard input', stdin[Symbol.asyncIterator](), signal, async () => {
      signal.removeEventListener('abort', onAbort);
      stdin.destroy();
    });
  }
  const file = await untilAborted(open(path), signal);
  try {
    const stat = await file.stat();
    // A directory can be opened, and fails only when it is read.
    if (stat.isDirectory()) throw new HayateError('BAD_REQUEST', `${path}: is a directory`);
    if (stat.isFile()) return new FileSource(path, file, stat.size);
    return new StreamSource(path, pieces(file, undefined), signal, () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
}

class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #file: FileHandle;

  constructor(name: string, file: FileHandle, size: number) {
    this.name = name;
    this.#file = file;
    this.size = size;
  }

  peek(count: number): Promise<Uint8Array> {
    return readAt(this.#file, 0, count);
  }

  tail(count: number): Promise<Uint8Array> {
    return readAt(this.#file, Math.max(0, this.size - count), count);
  }

  bytes(): AsyncIterable<Uint8Array> {
    return pieces(this.#file, 0);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class StreamSource implements ByteSource {
  readonly name: string;
  readonly size = undefined;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal;
  readonly #close: () => Promise<void>;
  #peeked = new Uint8Array(0);
  #hasEnded = false;

  constructor(name: string, pieces: AsyncIterator<Uint8Array>, signal: AbortSignal, close: () => Promise<void>) {
    this.name = name;
    this.#pieces = pieces;
    this.#signal = signal;
    this.#close = close;
  }

  async peek(count: number): Promise<Uint8Array> {
    while (this.#peeked.length < count) {
      const piece = await this.#next();
      if (piece === undefined) break;
      this.#peeked = new Uint8Array(Buffer.concat([this.#peeked, piece]));
    }
    return this.#peeked;
  }

  async tail(): Promise<Uint8Array> {
    return new Uint8Array(0);
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    const peeked = this.#peeked;
    this.#peeked = new Uint8Array(0);
    if (peeked.length > 0) yield peeked;
    for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) yield piece;
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#hasEnded) return undefined;
    try {
      const next = await untilAborted(this.#pieces.next(), this.#signal);
      if (next.done !== true) return next.value;
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
    this.#hasEnded = true;
    return undefined;
  }
}

/** Yields the bytes of `file` from `position`; from its current offset if undefined. */
async function* pieces(file: FileHandle, position: number | undefined): AsyncGenerator<Uint8Array> {
  for (let at = position; ; ) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE_BYTES), 0, PIECE_BYTES, at ?? null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    if (at !== undefined) at += bytesRead;
  }
}

async function readAt(file: FileHandle, position: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  let length = 0;
  while (length < count) {
    const { bytesRead } = await file.read(bytes, length, count - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

/** Returns the result of `promise`, or rejects when `signal` aborts first. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // The result after the signal is ignored.
  promise.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
