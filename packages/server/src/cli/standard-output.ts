// Standard output, whose reader may leave (`| head`), be slow, or be a full disk. The output keeps
// its order. A reader that left is no failure: the remaining output is dropped. Any other failure
// is kept for the exit code.
import type { Writable } from 'node:stream';
import { setImmediate as giveWay } from 'node:timers/promises';
import { hasNoReader } from '../kernel/output-error.ts';
import type { Output } from './command.ts';

/** Output to a stream of the process. */
export class StandardOutput implements Output {
  readonly #stream: Writable & { isTTY?: boolean; columns?: number };
  readonly #closed = new AbortController();
  /** The first error of a write, unless its reader has left. */
  failure: unknown;

  constructor(stream: Writable & { isTTY?: boolean; columns?: number }) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!hasNoReader(error)) this.failure ??= error;
      this.#closed.abort();
    });
  }

  get isTTY(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get readerLeft(): AbortSignal {
    return this.#closed.signal;
  }

  get waitingBytes(): number {
    return this.readerLeft.aborted ? 0 : this.#stream.writableLength;
  }

  write(data: string | Uint8Array): void {
    if (!this.readerLeft.aborted) this.#stream.write(data);
  }

  /** Ends the output after the last write. */
  end(): void {
    this.#stream.end();
  }

  async drain(): Promise<void> {
    // The error of a write that has returned arrives in a later turn.
    await giveWay();
    if (this.waitingBytes === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.readerLeft.addEventListener('abort', () => resolve(), { once: true });
    this.#stream.write('', () => resolve());
    await promise;
  }
}
