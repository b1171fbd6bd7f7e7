// Runs the real archiver over the real file log and fs store, for the archive's tests. In: batches.
// Out: a store full of objects. A test can make the process "die" at any write.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ArchiverOptions, startArchiver } from '../../packages/server/src/archiver/archiver.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { tickValue } from './archive-broadcast.ts';
import { poll } from './poll.ts';
import { tempDir } from './temp-dir.ts';

/** A log's directory and a store, both empty. */
export interface Place {
  /** Of the log. */
  directory: string;
  /** Of the store. */
  archive: string;
  store: Store;
}

/** A place that is removed after the test. */
export async function makePlace(t: TestContext): Promise<Place> {
  const root = tempDir(t);
  const archive = join(root, 'archive');
  await mkdir(archive);
  return { directory: join(root, 'log'), archive, store: await openFsStore({ directory: archive }) };
}

/**
 * Writes a log of values with their own append times, then a tick that ends the cut. Returns the
 * offset after the tick.
 */
export async function writeLog(
  directory: string,
  entries: Iterable<{ stream: string; appendTimeMs: number; value: Uint8Array }>,
): Promise<number> {
  let nowMs = 0;
  const log = await openFileLog({ directory, partitions: 1, now: () => nowMs });
  for (const { stream, appendTimeMs, value } of entries) {
    nowMs = appendTimeMs;
    await log.append(stream, value);
  }
  const { offset } = await log.append('', tickValue(true));
  await log.close();
  return offset + 1;
}

/** A store that awaits `before` before each write. */
export function interceptWrites(store: Store, before: (key: string) => void | Promise<void>): Store {
  return {
    putIfAbsent: async (key, bytes) => {
      await before(key);
      return store.putIfAbsent(key, bytes);
    },
    replace: (key, bytes) => store.replace(key, bytes),
    get: (key, range) => store.get(key, range),
    head: (key) => store.head(key),
    list: (prefix, after) => store.list(prefix, after),
    delete: (key) => store.delete(key),
    close: () => store.close(),
  };
}

/** A store that awaits `before` before each call that reaches it. */
export function interceptCalls(store: Store, before: (call: keyof Store, key: string) => void | Promise<void>): Store {
  return {
    putIfAbsent: async (key, bytes) => {
      await before('putIfAbsent', key);
      return store.putIfAbsent(key, bytes);
    },
    replace: async (key, bytes) => {
      await before('replace', key);
      return store.replace(key, bytes);
    },
    get: async (key, range) => {
      await before('get', key);
      return store.get(key, range);
    },
    head: async (key) => {
      await before('head', key);
      return store.head(key);
    },
    async *list(prefix, after) {
      await before('list', prefix);
      yield* store.list(prefix, after);
    },
    delete: async (key) => {
      await before('delete', key);
      return store.delete(key);
    },
    close: () => store.close(),
  };
}

/**
 * Archives until the manifest of `end` exists, without upkeep unless `options` say otherwise.
 * `dies` decides at each write whether the process dies. Returns the number of process lives.
 */
export async function archiveUntil(
  end: number,
  { directory, store }: Pick<Place, 'directory' | 'store'>,
  options: ArchiverOptions = {},
  dies: () => boolean = () => false,
): Promise<number> {
  for (let lives = 1; ; lives++) {
    const log = await openFileLog({ directory });
    let dead = false;
    const dying = interceptWrites(store, () => {
      dead ||= dies();
      if (dead) throw new Error('the process is dead');
    });
    const archiver = await startArchiver({
      context: createContext({ logLevel: 'silent' }),
      log,
      store: dying,
      options: { upkeepMs: 0, ...options, idleMs: 3_600_000 },
    });
    const stopped = () => archiver.unready()?.includes('stopped') === true;
    await poll('the end of the log or of the process', async () => {
      if (dead || stopped()) return true;
      return (await store.head(`cuts/${log.id}/p=000/${String(end).padStart(20, '0')}.json`)) !== undefined;
    });
    const reason = stopped() ? archiver.unready() : undefined;
    await archiver.close();
    await log.close();
    assert.equal(reason, undefined);
    if (!dead) return lives;
  }
}

/** Every object of a store, in key order. */
export async function readObjects(store: Store, prefix = ''): Promise<Map<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>();
  for await (const { key, size } of store.list(prefix)) {
    const bytes = await store.get(key);
    assert.ok(bytes !== undefined);
    assert.equal(bytes.length, size);
    objects.set(key, bytes);
  }
  return objects;
}
