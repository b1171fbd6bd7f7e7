// Provides an archive's statistics as files that DuckDB can open. Files of the embedded store are
// used in place. Objects of another store are fetched into a temporary directory, which is removed
// at the end.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { StoreSettings } from '../adapter-flags.ts';
import { openArchive, storeDirectory } from '../adapters.ts';
import { listStatistics, type TimeSpan } from '../archive/read/statistics-list.ts';
import { concurrently } from '../kernel/concurrently.ts';
import { HayateError } from '../kernel/error.ts';
import type { Store } from '../store/store.ts';
import { STORE_CONCURRENCY } from '../store/store-concurrency.ts';
import { markUnfinished } from './interruption.ts';

/** Files to read. */
interface StatisticsFiles {
  /** Absolute paths. */
  readonly paths: readonly string[];
  /** Removes the fetched files. */
  close(): Promise<void>;
}

/**
 * Finds the files of the span. Throws the errors of fetchFiles, and NOT_FOUND if there is no
 * archive.
 */
export async function openStatisticsFiles(settings: StoreSettings, span: TimeSpan, bounds: FetchBounds): Promise<StatisticsFiles> {
  const store = await openArchive(settings);
  try {
    const keys = (await listStatistics(store, span)).map(({ key }) => key);
    if (settings.store === 'fs')
      return { paths: keys.map((key) => resolve(storeDirectory(settings), ...key.split('/'))), close: async () => {} };
    return await fetchFiles(store, keys, bounds);
  } finally {
    await store.close();
  }
}

/** Limits of a fetch: its size, and a signal that stops it. */
export interface FetchBounds {
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

/**
 * Fetches the objects into a new temporary directory. Throws BAD_REQUEST beyond `bytesMax`, and the
 * signal's reason when it aborts.
 */
export async function fetchFiles(store: Store, keys: readonly string[], { bytesMax, signal }: FetchBounds): Promise<StatisticsFiles> {
  const directory = await mkdtemp(join(tmpdir(), 'hayate-query-'));
  const mark = markUnfinished(directory);
  const close = async () => {
    await rm(directory, { recursive: true, force: true });
    mark.finished();
  };
  const paths: string[] = [];
  let bytes = 0;
  const fetchOne = async ([i, key]: readonly [number, string]): Promise<void> => {
    signal.throwIfAborted();
    const object = await store.get(key);
    // Retention has deleted the object since it was listed.
    if (object === undefined) return;
    bytes += object.length;
    if (bytes > bytesMax)
      throw new HayateError(
        'BAD_REQUEST',
        `more than ${bytesMax} bytes of statistics: narrow them with --from and --to, or raise --fetch-bytes-max`,
      );
    const path = join(directory, `${i}.parquet`);
    await writeFile(path, object, { mode: 0o600 });
    paths.push(path);
  };
  try {
    await concurrently(keys.entries(), STORE_CONCURRENCY, fetchOne);
  } catch (error) {
    await close();
    throw error;
  }
  return { paths: paths.sort(), close };
}
