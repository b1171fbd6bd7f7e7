// The promises of every store adapter, as tests. In: a way to open a new, empty store. The same
// suite runs against each adapter, with real files or a real server.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Store } from './store.ts';

/** Opens a new, empty store that is removed after the test; undefined if it skipped the test. */
type OpenStore = (t: TestContext) => Promise<Store | undefined>;

/** The permitted differences between adapters. */
interface StoreTraits {
  /**
   * Default false. True: the adapter's own code deletes folders that become empty, so the suite has
   * puts go to a folder while it is deleted. A bucket has no folders. The server that stands for
   * one in these tests keeps objects in folders, and its own races there say nothing about the
   * adapter.
   */
  readonly deletesFolders?: boolean;
}

/** Registers the suite for the adapter `name`. */
export function storeContract(name: string, open: OpenStore, { deletesFolders = false }: StoreTraits = {}): void {
  const withStore = (what: string, run: (store: Store, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const store = await open(t);
      if (store === undefined) return;
      try {
        await run(store, t);
      } finally {
        await store.close();
      }
    });

  withStore('an object is read back as it was put, whole and in part, with its size', async (store) => {
    const bytes = randomBytes(300_000);
    assert.equal(await store.putIfAbsent('frames/log/dt=2026-11-22/hour=07/p=000/0-9.avro', bytes), true);
    const key = 'frames/log/dt=2026-11-22/hour=07/p=000/0-9.avro';
    assert.deepEqual(Buffer.from((await store.get(key)) ?? []), bytes);
    for (const [offset, length] of [
      [0, 10],
      [299_999, 1],
      [299_990, 100],
      [12_345, 200_000],
      [300_000, 5],
      [400_000, 5],
      [5, 0],
    ] as const)
      assert.deepEqual(Buffer.from((await store.get(key, { offset, length })) ?? [0]), bytes.subarray(offset, offset + length));
    assert.equal((await store.head(key))?.size, 300_000);
    await assert.rejects(store.get(key, { offset: -1, length: 5 }), RangeError);
  });

  withStore('an empty object is stored and read back', async (store) => {
    assert.equal(await store.putIfAbsent('empty', new Uint8Array()), true);
    assert.equal((await store.get('empty'))?.length, 0);
    assert.equal((await store.head('empty'))?.size, 0);
    assert.deepEqual(await keys(store, ''), ['empty']);
  });

  withStore('a missing object is undefined, and deleting it returns false', async (store) => {
    await store.putIfAbsent('a/b', new Uint8Array(3));
    for (const key of ['a', 'a/c', 'b', 'a/b/c', 'x/y/z']) {
      assert.equal(await store.get(key), undefined, key);
      assert.equal(await store.head(key), undefined, key);
      assert.equal(await store.delete(key), false, key);
    }
    assert.deepEqual(await keys(store, ''), ['a/b']);
  });

  withStore('replace writes a free key and a taken one, and a concurrent read sees the old or the new object, whole', async (store) => {
    const versions = Array.from({ length: 8 }, (_, version) => Buffer.alloc(50_000 + version, version));
    await store.replace('kept/here/it', versions[0] ?? Buffer.alloc(0));
    assert.equal((await store.head('kept/here/it'))?.size, 50_000);
    const reads: Promise<Uint8Array | undefined>[] = [];
    for (const version of versions) {
      reads.push(store.get('kept/here/it'));
      await store.replace('kept/here/it', version);
      reads.push(store.get('kept/here/it'));
    }
    for (const bytes of await Promise.all(reads)) assert.ok(versions.some((version) => version.equals(bytes ?? Buffer.alloc(0))));
    assert.deepEqual(Buffer.from((await store.get('kept/here/it')) ?? []), versions.at(-1));
    assert.equal(await store.putIfAbsent('kept/here/it', new Uint8Array(3)), false);
    assert.deepEqual(await keys(store, ''), ['kept/here/it']);
  });

  withStore('head returns the state of an object, which changes when its bytes are replaced', async (store) => {
    const versions = new Set<string>();
    for (const text of ['one', 'two', 'red', 'blue']) {
      const before = Date.now();
      await store.replace('kept/it', Buffer.from(text));
      const { key, size, version = '', modifiedMs = 0 } = (await store.head('kept/it')) ?? {};
      assert.deepEqual([key, size], ['kept/it', text.length]);
      assert.match(version, /^[A-Za-z0-9_.:+/=-]{1,128}$/);
      assert.equal((await store.head('kept/it'))?.version, version, 'reading changes nothing');
      // Other machines have other clocks, and some services whole seconds, so only a large
      // difference fails.
      assert.ok(Math.abs(modifiedMs - before) < 60_000, `${modifiedMs} is not about ${before}`);
      versions.add(version);
    }
    assert.equal(versions.size, 4);
  });

  withStore('a read of one version never returns bytes of another', async (store) => {
    const key = 'kept/it';
    await store.putIfAbsent(key, Buffer.from('what was said'));
    const { version = '' } = (await store.head(key)) ?? {};
    const read = async (length: number, wanted = version) => {
      const bytes = await store.get(key, { offset: 5, length, version: wanted });
      return bytes === undefined ? undefined : Buffer.from(bytes).toString();
    };
    assert.equal(await read(3), 'was');
    assert.equal(await read(100), 'was said');
    assert.equal(await read(0), '');
    await store.replace(key, Buffer.from('what is left.'));
    for (const length of [3, 100, 0]) assert.equal(await read(length), undefined, `${length} bytes of a replaced version`);
    assert.equal(await read(2, (await store.head(key))?.version), 'is');
    await store.delete(key);
    assert.equal(await read(3), undefined);
  });

  withStore('a put to a taken key changes nothing', async (store) => {
    assert.equal(await store.putIfAbsent('k', Buffer.from('first')), true);
    assert.equal(await store.putIfAbsent('k', Buffer.from('second')), false);
    assert.equal(await store.putIfAbsent('k', Buffer.from('first')), false);
    assert.equal(Buffer.from((await store.get('k')) ?? []).toString(), 'first');
  });

  withStore('exactly one of many concurrent puts of a key returns true, and its bytes stay', async (store) => {
    for (const key of ['top', 'deep/in/new/folders', 'deep/in/new/neighbours']) {
      const values = Array.from({ length: 24 }, () => randomBytes(5000));
      const won = await Promise.all(values.map((value) => store.putIfAbsent(key, value)));
      assert.equal(won.filter(Boolean).length, 1);
      assert.deepEqual(Buffer.from((await store.get(key)) ?? []), values[won.indexOf(true)]);
    }
  });

  withStore('a deleted key is free again, for any interleaving of puts and deletes', async (store) => {
    assert.equal(await store.putIfAbsent('p/q/r', Buffer.from('1')), true);
    assert.equal(await store.delete('p/q/r'), true);
    assert.equal(await store.get('p/q/r'), undefined);
    assert.deepEqual(await keys(store, ''), []);
    // Every put uses a key of its own, while deletes of neighbouring keys empty the folder that it
    // goes to.
    if (!deletesFolders) await store.putIfAbsent('p/q/neighbour', Buffer.from('1'));
    await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let turn = 0; turn < 12; turn++) {
          const key = `p/q/${worker}-${turn}`;
          assert.equal(await store.putIfAbsent(key, Buffer.from(key)), true, key);
          assert.equal(Buffer.from((await store.get(key)) ?? []).toString(), key);
          assert.equal(await store.delete(key), true);
        }
      }),
    );
    assert.deepEqual(await keys(store, ''), deletesFolders ? [] : ['p/q/neighbour']);
  });

  withStore('invalid keys are refused everywhere', async (store) => {
    const long = 'x'.repeat(256);
    for (const key of [
      '',
      '/',
      'a/',
      '/a',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/..',
      'a b',
      'a\\b',
      'a\n',
      'ä',
      'a\0',
      long,
      `${'y/'.repeat(600)}y`,
    ]) {
      const refused = { name: 'HayateError', code: 'BAD_REQUEST' };
      await assert.rejects(store.putIfAbsent(key, new Uint8Array(1)), refused, JSON.stringify(key));
      await assert.rejects(store.get(key), refused);
      await assert.rejects(store.head(key), refused);
      await assert.rejects(store.delete(key), refused);
    }
    assert.deepEqual(await keys(store, ''), []);
    for (const prefix of ['../', '/', 'a//', '..', './/', 'ä']) assert.deepEqual(await keys(store, prefix), []);
  });

  test(`${name}: a listing equals all keys, filtered and sorted`, async (t) => {
    // Few letters, and the neighbours of '/' in byte order, so that keys and folders often share
    // prefixes.
    const segment = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '0', '=', '_', 'Z'), minLength: 1, maxLength: 3 });
    const key = fc
      .array(
        segment.filter((text) => text !== '.' && text !== '..'),
        { minLength: 1, maxLength: 4 },
      )
      .map((segments) => segments.join('/'));
    const bound = fc.oneof(key, fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '/', '~', 'é'), maxLength: 4 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(key, { maxLength: 40 }),
        fc.array(fc.tuple(bound, bound), { minLength: 1, maxLength: 12 }),
        async (tried, asked) => {
          const store = await open(t);
          if (store === undefined) return;
          const put = keepPossible(tried);
          await Promise.all(put.map((one) => store.putIfAbsent(one, Buffer.alloc(one.length))));
          const sorted = put.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          for (const [prefix, after] of [['', ''] as const, ...asked, ...put.map((one) => [one.slice(0, 3), one] as const)]) {
            const expected = sorted.filter((one) => one.startsWith(prefix) && Buffer.compare(Buffer.from(one), Buffer.from(after)) > 0);
            const listed = [];
            for await (const object of store.list(prefix, after)) listed.push(object);
            assert.deepEqual(
              listed,
              expected.map((one) => ({ key: one, size: one.length })),
            );
          }
          await store.close();
        },
      ),
      { numRuns: 40 },
    );
  });
}

/** Removes duplicates, and keys that are another key's folder: not every store can hold both. */
function keepPossible(tried: readonly string[]): string[] {
  const kept: string[] = [];
  for (const key of new Set(tried)) if (!kept.some((other) => other.startsWith(`${key}/`) || key.startsWith(`${other}/`))) kept.push(key);
  return kept;
}

/** The keys of a listing. */
export async function keys(store: Store, prefix: string, after?: string): Promise<string[]> {
  const listed: string[] = [];
  for await (const { key } of store.list(prefix, after)) listed.push(key);
  return listed;
}
