// A key set in a file. In: the path. Out: the keys of its newest usable content. The file may be
// replaced while the server runs. Content that cannot be used is reported, and the last good keys
// stay in use.
import { Counter } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';
import { WatchedFiles } from '../kernel/watched-file.ts';
import { KeySet, SET_ALGORITHMS } from './key-set.ts';
import type { Attempt, KeySource } from './key-source.ts';

/** The keys of one file. */
export class FileKeySet implements KeySource {
  readonly algorithms = SET_ALGORITHMS;
  readonly #files: WatchedFiles;
  #keys: KeySet;

  private constructor(files: WatchedFiles, keys: KeySet) {
    this.#files = files;
    this.#keys = keys;
  }

  /**
   * Reads the set at `path` and watches it. Rejects with the system's error, or KeySetError.
   * `intervalMs`: see WatchedFiles.
   */
  static async open(path: string, context: Context, intervalMs?: number): Promise<FileKeySet> {
    const loads = new Counter({
      name: 'hayate_jwks_file_loads_total',
      help: 'Times that the key set file was read after a change, by outcome',
      labelNames: ['outcome'],
      registers: [context.registry],
    });
    for (const outcome of ['ok', 'failed']) loads.inc({ outcome }, 0);
    const files = await WatchedFiles.open({
      paths: [path],
      clock: context.clock,
      ...(intervalMs === undefined ? {} : { intervalMs }),
      onChange: ([content]) => {
        keySet.#keys = KeySet.parse(content?.toString() ?? '');
        loads.inc({ outcome: 'ok' });
        context.logger.info({ path, keys: keySet.#keys.size, passedOver: keySet.#keys.passedOver }, 'the key set has been read again');
      },
      onProblem: ({ message }) => {
        loads.inc({ outcome: 'failed' });
        context.logger.warn({ path, reason: message }, 'the key set file cannot be used; the previous keys stay in use');
      },
    });
    let keySet: FileKeySet;
    try {
      keySet = new FileKeySet(files, KeySet.parse(files.contents[0]?.toString() ?? ''));
    } catch (error) {
      files.close();
      throw error;
    }
    return keySet;
  }

  async find<T>(attempt: Attempt<T>): Promise<T | undefined> {
    const tried = this.#keys;
    const found = await attempt(tried);
    if (found !== undefined) return found;
    // The file may have been replaced since the last check.
    await this.#files.check();
    return this.#keys === tried ? undefined : attempt(this.#keys);
  }

  start(): void {}

  unready(): undefined {}

  reload(): Promise<void> {
    return this.#files.check();
  }

  close(): void {
    this.#files.close();
  }
}
