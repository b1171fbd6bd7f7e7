// The archiver's core and shell against themselves: whatever happens while a log is read, the objects are the same.
import assert from 'node:assert/strict';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type ArchiverOptions, startArchiver } from '../../packages/server/src/archiver/archiver.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { openFileLog } from '../../packages/server/src/log/file/file-log.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { openFsStore } from '../../packages/server/src/store/store-fs.ts';
import { poll } from '../support/poll.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type AppendedBatch, makeLog, seededNumbers, tickValue } from './archive-broadcast.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/** Writes a log with the batches' own append times; returns the offset behind its last entry. */
async function writeLog(directory: string, batches: readonly AppendedBatch[], random: (below: number) => number): Promise<number> {
  let nowMs = 0;
  const log = await openFileLog({ directory, partitions: 1, now: () => nowMs });
  let last = 0;
  for (const batch of batches) {
    nowMs = batch.appendTimeMs;
    last = (await log.append(batch.stream, batch.value)).offset;
    if (random(40) === 0) last = (await log.append('', tickValue(random(3) === 0))).offset;
  }
  last = (await log.append('', tickValue(true))).offset;
  await log.close();
  return last + 1;
}

/** Every object of a store. */
async function contents(store: Store): Promise<Map<string, string>> {
  const objects = new Map<string, string>();
  for await (const { key } of store.list('')) objects.set(key, Buffer.from((await store.get(key)) ?? []).toString('base64'));
  return objects;
}

/** A store that calls `before` before each write. */
function intercept(store: Store, before: () => void): Store {
  return {
    putIfAbsent: async (key, bytes) => {
      before();
      return store.putIfAbsent(key, bytes);
    },
    get: (key, range) => store.get(key, range),
    head: (key) => store.head(key),
    list: (prefix, after) => store.list(prefix, after),
    delete: (key) => store.delete(key),
    close: () => store.close(),
  };
}

/** Archives until `end` is committed. At each write `stopAfter` says whether the process "dies" there. */
async function archive(directory: string, store: Store, end: number, options: ArchiverOptions, dies: () => boolean): Promise<number> {
  for (let lives = 1; ; lives++) {
    const log = await openFileLog({ directory });
    let dead = false;
    const context = createContext({ logLevel: 'silent' });
    const dying = intercept(store, () => {
      dead ||= dies();
      if (dead) throw new Error('the process is dead');
    });
    const archiver = await startArchiver({ context, log, store: dying, options: { ...options, idleMs: 3_600_000 } });
    let committed: number | undefined;
    const metric = context.registry.getSingleMetric('hayate_archiver_cuts_total');
    assert.ok(metric !== undefined);
    await poll('the end of the log or the process', async () => {
      const manifests = [];
      for await (const { key } of store.list(`cuts/${log.id}/`)) manifests.push(Number(/(\d{20})\.json$/.exec(key)?.[1]));
      committed = manifests.at(-1);
      return dead || committed === end;
    });
    await archiver.close();
    await log.close();
    if (!dead) return lives;
  }
}

async function prepare(t: TestContext, name: string): Promise<{ directory: string; store: Store }> {
  const root = join(tempDir(t), name);
  await mkdir(root, { recursive: true });
  return { directory: join(root, 'log'), store: await openFsStore({ directory: join(root, 'archive') }) };
}

test('a log read at once and with deaths at any write gives the same objects, byte for byte', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 0x7fffffff }), async (seed) => {
      const random = seededNumbers(seed);
      const options = { cutBytes: 60_000 + random(400_000), windowsPerCut: 1 + random(6), windowMs: 5_000 + 5_000 * random(2) };
      const reference = await prepare(t, 'reference');
      const end = await writeLog(reference.directory, makeLog(seed, 100, packetOf), random);
      const tried = await prepare(t, 'tried');
      await cp(reference.directory, tried.directory, { recursive: true });
      assert.equal(await archive(reference.directory, reference.store, end, options, () => false), 1);
      const lives = await archive(tried.directory, tried.store, end, options, () => random(25) === 0);
      const expected = await contents(reference.store);
      const actual = await contents(tried.store);
      t.diagnostic(`seed ${seed}: ${end} entries, ${expected.size} objects, ${lives} lives`);
      assert.deepEqual([...actual.keys()], [...expected.keys()]);
      for (const [key, bytes] of expected) assert.equal(actual.get(key), bytes, key);
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
