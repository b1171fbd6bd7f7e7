// The promises of a store in a bucket under failures between it and its server, as tests. In: a way
// to open it through a proxy that spoils requests, and directly. Errors before and after execution,
// broken connections, and bodies that stall, end early or change may make calls fail, but never
// make a result wrong.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { poll } from '../../../../test/support/poll.ts';
import { type StoreFault, type StoreFaultProxy, seededFaults, storeFaults } from '../../../../test/support/store-fault-proxy.ts';
import { keys } from './contract.ts';
import { KEY_LENGTH_MAX, type Store } from './store.ts';

/** One new, empty place in a bucket. */
interface FaultySite {
  /** The prefix of its keys in the bucket. */
  readonly prefix: string;
  readonly proxy: StoreFaultProxy;
  /**
   * Opens the store through the proxy or directly, with a time limit in milliseconds, with the
   * given number of concurrent requests (default 64), and with short pauses.
   */
  open(way: 'proxy' | 'direct', timeoutMs: number, requestsMax?: number): Promise<Store>;
}

/** Prepares a site; undefined if it skipped the test. */
type OpenFaultySite = (t: TestContext) => Promise<FaultySite | undefined>;

/** Registers the suite for the adapter `name`. */
export function storeFaultContract(name: string, openSite: OpenFaultySite): void {
  test(`${name}: under any failures calls return correct results, and no object is stored in part`, async (t) => {
    const done = new Set<StoreFault>();
    let rejected = 0;
    const run = async (seed: number, share: number, writers: number): Promise<boolean> => {
      const site = await openSite(t);
      if (site === undefined) return false;
      const direct = await site.open('direct', 20_000);
      const store = await site.open('proxy', 300);
      site.proxy.plan = seededFaults(seed, share);
      const results = await putAll(store, writers);
      // Abandoned requests may still arrive, so check the final state only when the proxy is quiet.
      await site.proxy.quiet();
      await checkPuts(direct, results);
      await checkReads(store, direct);
      rejected += results.filter(({ result }) => result === undefined).length;
      rejected += await checkChanges(site, store, direct);
      for (const fault of site.proxy.done.keys()) done.add(fault);
      await store.close();
      await direct.close();
      return true;
    };
    const cases = fc.asyncProperty(
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.constantFrom(0.2, 0.5, 0.8),
      fc.integer({ min: 1, max: 4 }),
      async (seed, share, writers) => void (await run(seed, share, writers)),
    );
    await fc.assert(cases, { numRuns: 5 });
    if ((await run(1, 0.9, 4)) === false) return;
    assert.ok(rejected > 0, 'with nine requests in ten spoiled some calls fail');
    assert.deepEqual(
      [...storeFaults].filter((fault) => !done.has(fault)),
      [],
      'every kind of fault occurred',
    );
  });

  test(`${name}: a call survives three failures of any kind, and four give a temporary error`, async (t) => {
    for (const fault of storeFaults) {
      const site = await openSite(t);
      if (site === undefined) return;
      // A stall lasts as long as the limit, so the limit must be long enough for good answers on a
      // busy machine.
      const stalls = fault.startsWith('stall');
      const store = await site.open('proxy', stalls ? 2_000 : 20_000);
      let left = 0;
      site.proxy.plan = () => (left-- > 0 ? fault : undefined);
      left = stalls ? 1 : 3;
      const won = await store.putIfAbsent('a/b', Buffer.from('bytes'));
      // If the put succeeded but its answer was lost, the retry finds its own object.
      assert.equal(won, ['refuse', 'cut', 'cut-request', 'stall', 'flip'].includes(fault), fault);
      left = stalls ? 1 : 3;
      assert.equal(Buffer.from((await store.get('a/b')) ?? []).toString(), 'bytes', fault);
      // A read request has no body that could change, and half of it is not a request.
      left = stalls || fault === 'flip' ? 0 : 4;
      if (left > 0) await assert.rejects(store.get('a/b'), { code: 'UNREACHABLE', temporary: true }, fault);
      await store.close();
    }
  });

  test(`${name}: the longest key fits with its prefix, one more does not, and neighbours of the prefix are not its objects`, async (t) => {
    const site = await openSite(t);
    if (site === undefined) return;
    const store = await site.open('direct', 20_000);
    const longest = 'k/'
      .repeat(KEY_LENGTH_MAX)
      .slice(0, KEY_LENGTH_MAX - site.prefix.length - 1)
      .concat('k');
    assert.equal(await store.putIfAbsent(longest, Buffer.from('x')), true);
    assert.deepEqual(await keys(store, ''), [longest]);
    await assert.rejects(store.putIfAbsent(`${longest}k`, Buffer.from('x')), { code: 'BAD_REQUEST' });
    const other = await (await openSite(t))?.open('direct', 20_000);
    assert.ok(other !== undefined);
    assert.equal(await other.putIfAbsent('a', Buffer.from('x')), true);
    assert.deepEqual([await keys(other, ''), await keys(store, '')], [['a'], [longest]]);
    for (const one of [store, other]) await one.close();
    await assert.rejects(store.get('a'), { code: 'CLOSED' });
  });

  test(`${name}: the number of concurrent requests stays within its limit, and all requests are served`, async (t) => {
    const site = await openSite(t);
    if (site === undefined) return;
    const store = await site.open('proxy', 20_000, 3);
    const before = site.proxy.requests;
    assert.deepEqual(
      await Promise.all(Array.from({ length: 40 }, (_, index) => store.putIfAbsent(`k/${index}`, randomBytes(2_000)))),
      Array.from({ length: 40 }, () => true),
    );
    assert.equal(site.proxy.requests - before, 40);
    assert.ok(site.proxy.requestsPeak <= 3, `${site.proxy.requestsPeak} at a time`);
    await store.close();
  });

  test(`${name}: a call that waits for its server ends when the store is closed`, async (t) => {
    const site = await openSite(t);
    if (site === undefined) return;
    const store = await site.open('proxy', 600_000);
    site.proxy.plan = () => 'stall';
    const call = store.get('a');
    await poll('the request', () => site.proxy.done.has('stall'));
    await Promise.all([assert.rejects(call, { code: 'CLOSED' }), store.close()]);
  });
}

interface PutResult {
  key: string;
  value: Buffer;
  /** Undefined: it was rejected. */
  result: boolean | undefined;
}

/** Puts different bytes from many writers at once to each of a few keys. */
async function putAll(store: Store, writers: number): Promise<PutResult[]> {
  const puts = ['a', 'b/c', 'b/d', 'e/f/g', 'empty'].flatMap((key) =>
    Array.from({ length: writers }, async (): Promise<PutResult> => {
      const value = key === 'empty' ? Buffer.alloc(0) : randomBytes(20_000);
      return { key, value, result: await store.putIfAbsent(key, value).catch(temporary) };
    }),
  );
  return Promise.all(puts);
}

/** For `catch`: an abandoned call gives undefined; any other error fails the test. */
function temporary(error: unknown): undefined {
  assert.equal((error as { code?: string }).code, 'UNREACHABLE');
}

async function checkPuts(direct: Store, results: readonly PutResult[]): Promise<void> {
  for (const [key, puts] of Map.groupBy(results, (put) => put.key)) {
    const there = await direct.get(key);
    const winners = puts.filter(({ result }) => result === true);
    assert.ok(winners.length <= 1, `${winners.length} puts of ${key} returned true`);
    if (puts.some(({ result }) => result !== undefined)) assert.ok(there !== undefined, `${key} is missing`);
    if (there !== undefined)
      assert.ok(
        (winners[0] === undefined ? puts : winners).some(({ value }) => value.equals(there)),
        `${key} has different content`,
      );
  }
}

/** Compares results read through the proxy, if there are any, with the true objects. */
async function checkReads(store: Store, direct: Store): Promise<void> {
  const there = await keys(direct, '');
  const listed = await keys(store, '').catch(temporary);
  if (listed !== undefined) assert.deepEqual(listed, there);
  for (const key of [...there, 'not/there']) {
    const whole = await direct.get(key);
    await same(store.get(key), whole);
    await same(store.get(key, { offset: 5_000, length: 20_000 }), whole?.subarray(5_000, 25_000));
    await same(store.head(key), await direct.head(key));
  }
}

/** Checks that a call that resolves gives the true value. */
async function same<T>(call: Promise<T>, truth: T): Promise<void> {
  const got = await call.then((value) => ({ value }), temporary);
  if (got === undefined) return;
  if (truth instanceof Uint8Array && got.value instanceof Uint8Array) assert.ok(Buffer.compare(got.value, truth) === 0);
  else assert.deepEqual(got.value, truth);
}

/** Replaces and deletes through the proxy; returns the number of rejected calls. */
async function checkChanges({ proxy }: FaultySite, store: Store, direct: Store): Promise<number> {
  let rejected = 0;
  for (const key of ['a', 'b/c', 'new']) {
    const before = await direct.get(key);
    const value = randomBytes(10_000);
    const replaced = await store.replace(key, value).then(() => true, temporary);
    await proxy.quiet();
    const after = await direct.get(key);
    const isOld = before === undefined ? after === undefined : after !== undefined && Buffer.compare(before, after) === 0;
    assert.ok(
      (after !== undefined && value.equals(after)) || (replaced === undefined && isOld),
      `${key} after it was replaced: ${replaced}`,
    );
    const deleted = await store.delete(key).catch(temporary);
    await proxy.quiet();
    if (deleted !== undefined) assert.equal(deleted, after !== undefined);
    if (deleted !== undefined) assert.equal(await direct.get(key), undefined, `${key} after it was deleted`);
    rejected += (replaced === undefined ? 1 : 0) + (deleted === undefined ? 1 : 0);
  }
  return rejected;
}
