// Watches files that are replaced while the server runs: certificates, key sets, secrets. In: their
// paths. Out: their contents, at the start and after each change. It compares contents, not time
// stamps, so it notices every way of replacing a file: an editor's save, a rename, a swapped
// symbolic link (Kubernetes), a copy that keeps its times.
import { open, stat } from 'node:fs/promises';
import { type CancelTimer, type Clock, systemClock } from './clock.ts';
import { HayateError } from './error.ts';

export interface WatchedFilesOptions {
  /** Files that belong together, such as a certificate and its key. */
  readonly paths: readonly string[];
  /**
   * Takes the contents, in the order of `paths`, after any of them has changed. Not called for the
   * contents that `open` read. A file that is not replaced atomically may arrive half-written.
   * Check the contents, and keep the old ones if they are not valid; another call follows once the
   * file is complete.
   */
  readonly onChange: (contents: readonly Buffer[]) => void | Promise<void>;
  /**
   * Called when a file could not be read twice in a row (once may be a replacement in progress), or
   * when `onChange` threw. Called once for each cause.
   */
  readonly onProblem: (error: Error) => void;
  /** How often the files are checked. Default: 5,000. */
  readonly intervalMs?: number;
  /** Largest file size. Default: 1 MiB. */
  readonly bytesMax?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const INTERVAL_MS = 5_000;
const BYTES_MAX = 2 ** 20;
const CHUNK_BYTES = 64 * 1024;

/** Files that are checked repeatedly, until `close`. */
export class WatchedFiles {
  readonly #options: WatchedFilesOptions;
  readonly #clock: Clock;
  #contents: readonly Buffer[];
  #checking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: { message: string; told: boolean } | undefined;
  #cancel: CancelTimer = () => undefined;
  #closed = false;

  private constructor(options: WatchedFilesOptions, contents: readonly Buffer[]) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#contents = contents;
  }

  /**
   * Reads the files and watches them. Rejects with the system's error, or with HayateError
   * CONFIGURATION for a file that is too large. A pipe or a device can be read only once, so it is
   * never checked again; nor are the files given with it.
   */
  static async open(options: WatchedFilesOptions): Promise<WatchedFiles> {
    const { paths, bytesMax = BYTES_MAX } = options;
    const canChange = (await Promise.all(paths.map(isRegular))).every(Boolean);
    const watched = new WatchedFiles(options, await Promise.all(paths.map((path) => readWhole(path, bytesMax))));
    if (canChange) watched.#schedule();
    else watched.#closed = true;
    return watched;
  }

  /** The contents read last, in the order of the paths. */
  get contents(): readonly Buffer[] {
    return this.#contents;
  }

  /**
   * Checks the files now, without waiting for the interval. Resolves when `onChange` has taken the
   * changes. Never rejects.
   */
  check(): Promise<void> {
    // A check in progress may have read the files before they were replaced.
    if (this.#checking !== undefined) {
      this.#next ??= this.#checking.then(() => {
        this.#next = undefined;
        return this.check();
      });
      return this.#next;
    }
    this.#checking = this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Stops checking. A call of `onChange` may still be in progress. */
  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#clock.after(this.#options.intervalMs ?? INTERVAL_MS, () => {
      void this.check().then(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    try {
      const first = await this.#readAgain();
      this.#failure = undefined;
      if (same(first, this.#contents)) return;
      // If files are being replaced one after the other, leave them alone until the next check.
      const second = await this.#readAgain();
      if (this.#closed || !same(first, second)) return;
      this.#contents = second;
    } catch (error) {
      this.#fail(error);
      return;
    }
    try {
      await this.#options.onChange(this.#contents);
    } catch (error) {
      this.#options.onProblem(asError(error));
    }
  }

  async #readAgain(): Promise<readonly Buffer[]> {
    const { paths, bytesMax = BYTES_MAX } = this.#options;
    for (const path of paths) if (!(await isRegular(path))) throw new HayateError('CONFIGURATION', `${path} is no longer a file`);
    return Promise.all(paths.map((path) => readWhole(path, bytesMax)));
  }

  #fail(error: unknown): void {
    const { message } = asError(error);
    const again = this.#failure?.message === message;
    if (again && this.#failure?.told === false) this.#options.onProblem(asError(error));
    this.#failure = { message, told: again };
  }
}

function same(some: readonly Buffer[], others: readonly Buffer[]): boolean {
  return some.every((content, index) => others[index]?.equals(content) === true);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Whether `path` leads to a file, not to a pipe or a device. */
async function isRegular(path: string): Promise<boolean> {
  return (await stat(path)).isFile();
}

/** Reads one file to its end. Throws HayateError CONFIGURATION beyond `bytesMax`. */
async function readWhole(path: string, bytesMax: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      bytes += bytesRead;
      if (bytes > bytesMax) throw new HayateError('CONFIGURATION', `${path} holds more than ${bytesMax} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
