// Upkeep of real archives: hourly statistics and retention, interrupted at every call of the store
// and run by several processes at once, and the upkeep that a running archiver does by itself.

import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { setImmediate as giveWay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { eraseBroadcast } from '../../packages/server/src/archive/erase/erasure.ts';
import { findBroadcasts } from '../../packages/server/src/archive/erase/erasure-search.ts';
import { broadcastKey } from '../../packages/server/src/archive/layout/broadcast-name.ts';
import { hourOf } from '../../packages/server/src/archive/layout/hour.ts';
import type { Manifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { readChain } from '../../packages/server/src/archive/layout/manifest-chain.ts';
import { type PartitionName, parseAudioKey, parseHourlyKey, parseManifestKey } from '../../packages/server/src/archive/layout/path.ts';
import { OBJECT_KINDS, readRetained, writeRetained } from '../../packages/server/src/archive/layout/retained.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import type { StatisticsRow } from '../../packages/server/src/archive/row/statistics-row.ts';
import { verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { deleteAged, type RetentionDays } from '../../packages/server/src/archiver/upkeep/retention.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { makeLog, seededNumbers } from '../support/archive-broadcast.ts';
import { archiveUntil, interceptCalls, makePlace, type Place, readObjects, writeLog } from '../support/archive-run.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LATER = () => Date.UTC(2027, 0, 1);

interface Archive extends Place {
  name: PartitionName;
  /** All of its manifests. */
  chain: Manifest[];
}

/** An archive of `lengthS` seconds of three streams at each of these hours. */
async function makeArchive(t: TestContext, seed: number, hours: readonly number[], lengthS: number): Promise<Archive> {
  const place = await makePlace(t);
  const batches = hours.flatMap((hour) =>
    makeLog(seed + hour, lengthS, packetOf).map((batch) => ({ ...batch, appendTimeMs: batch.appendTimeMs + hour * HOUR_MS })),
  );
  await archiveUntil(await writeLog(place.directory, batches), place, { windowMs: 5_000, windowsPerCut: 2 });
  return { ...place, ...(await describe(place.store)) };
}

async function describe(store: Store): Promise<Pick<Archive, 'name' | 'chain'>> {
  const [key] = (await readObjects(store, 'cuts/')).keys();
  const name = parseManifestKey(key ?? '') ?? assert.fail();
  const chain: Manifest[] = [];
  for await (const manifest of readChain(store, name)) chain.push(manifest);
  return { name: { log: name.log, partition: name.partition }, chain };
}

async function copyOf(t: TestContext, original: Archive): Promise<Archive> {
  const place = await makePlace(t);
  await cp(original.archive, place.archive, { recursive: true });
  return { ...original, ...place };
}

/** Compacts from the point that the record names until there is nothing left to do. */
async function compactAll(store: Store, name: PartitionName, stepsMax = 100): Promise<void> {
  for (let more = true; more; ) {
    const { hourly } = await readRetained(store, name);
    const advance = async (from: number) => writeRetained(store, { ...(await readRetained(store, name)), hourly: from });
    ({ more } = await compactHours({ store, name, from: hourly, advance, stepsMax }));
  }
}

/**
 * Rows of small statistics by hour, without the newest hour: the expected content of the hourly
 * objects.
 */
async function expectedHours(store: Store, { chain }: Pick<Archive, 'chain'>): Promise<Map<number, StatisticsRow[]>> {
  const hours = new Map<number, StatisticsRow[]>();
  for (const [key, bytes] of await readObjects(store, 'statistics/')) {
    const { hourMs } = parseHourlyKey(key) ?? assert.fail(key);
    if (hourMs < hourOf(chain.at(-1)?.state.windowStartMs ?? 0))
      hours.set(hourMs, [...(hours.get(hourMs) ?? []), ...(await decodeStatistics(key, bytes))]);
  }
  return hours;
}

async function actualHours(store: Store): Promise<Map<number, StatisticsRow[]>> {
  const hours = new Map<number, StatisticsRow[]>();
  for (const [key, bytes] of await readObjects(store, 'hourly/')) {
    const { hourMs } = parseHourlyKey(key) ?? assert.fail(key);
    hours.set(hourMs, [...(hours.get(hourMs) ?? []), ...(await decodeStatistics(key, bytes))]);
  }
  return hours;
}

test('past hours lie in files of their own with each row once, for a crash of compaction at any call and several compactions at once', async (t) => {
  const original = await makeArchive(t, 100, [0, 2, 30], 20);
  const reference = await copyOf(t, original);
  let calls = 0;
  await compactAll(
    interceptCalls(reference.store, () => void calls++),
    reference.name,
  );
  const expected = await expectedHours(original.store, original);
  assert.ok(expected.size >= 2);
  assert.deepEqual(await actualHours(reference.store), expected);
  assert.deepEqual((await verifyArchive({ store: reference.store })).findings, []);
  const wanted = await readObjects(reference.store);
  const step = Math.max(1, Math.floor(calls / 24));
  for (let death = 0; death < calls; death += step) {
    const { store, name } = await copyOf(t, original);
    let left = death;
    const dying = interceptCalls(store, () => {
      if (left-- <= 0) throw new Error('the process is dead');
    });
    await assert.rejects(compactAll(dying, name), /dead/);
    await compactAll(store, name, 1);
    assert.deepEqual(await readObjects(store), wanted, `death at call ${death}`);
  }
  const together = await copyOf(t, original);
  const random = seededNumbers(8);
  const slow = interceptCalls(together.store, async () => {
    for (let turns = random(9); turns > 0; turns--) await giveWay();
  });
  await Promise.all([1, 2, 3].map((stepsMax) => compactAll(slow, together.name, stepsMax)));
  await compactAll(together.store, together.name);
  assert.deepEqual(await readObjects(together.store), wanted);
  t.diagnostic(`${expected.size} hours, ${calls} calls`);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const sum = `select count(*)::int, sum(audio_frames)::int, min(hour) from read_parquet('${reference.archive}/hourly/**/*.parquet', hive_partitioning = true)`;
  const [row] = (await connection.runAndReadAll(sum)).getRows();
  connection.closeSync();
  const rows = [...expected.values()].flat();
  assert.deepEqual(row?.slice(0, 2), [rows.length, rows.reduce((total, { audio_frames: frames }) => total + frames, 0)]);
});

test('an hour compacted while a broadcast is erased holds nothing of it, in either order', async (t) => {
  const original = await makeArchive(t, 200, [0, 2], 20);
  const [broadcast] = (await findBroadcasts(original.store, 'bob')).sort((a, b) => b.frames - a.frames);
  assert.ok(broadcast !== undefined);
  const check = async (store: Store) => {
    await compactAll(store, original.name);
    const actual = await actualHours(store);
    assert.deepEqual(actual, await expectedHours(store, original));
    assert.deepEqual((await verifyArchive({ store })).findings, []);
    for (const row of [...actual.values()].flat()) assert.notEqual(broadcastKey(row), broadcastKey(broadcast));
  };
  // The rows have been read and are about to be written; at this moment the broadcast is erased
  // completely.
  const held = await copyOf(t, original);
  let erasure: Promise<void> | undefined;
  const holding = interceptCalls(held.store, async (call, key) => {
    if (call !== 'putIfAbsent' || !key.startsWith('hourly/')) return;
    erasure ??= eraseBroadcast({ store: held.store, broadcast, now: LATER });
    await erasure;
  });
  await compactAll(holding, held.name);
  assert.ok(erasure !== undefined);
  await check(held.store);
  for (let seed = 1; seed <= 3; seed++) {
    const { store, name } = await copyOf(t, original);
    const random = seededNumbers(seed);
    const slow = interceptCalls(store, async () => {
      for (let turns = random(12); turns > 0; turns--) await giveWay();
    });
    await Promise.all([compactAll(slow, name), eraseBroadcast({ store: slow, broadcast, now: LATER })]);
    await check(store);
  }
});

/** Runs retention to its end. */
async function retain(archive: Archive, store: Store, days: RetentionDays, clockMs: number, cutsMax = 7): Promise<void> {
  const { name, chain } = archive;
  const newest = chain.at(-1) ?? assert.fail();
  const hourly = chain.find(({ start }) => start === chain.at(-1)?.start) ?? assert.fail();
  for (let more = true; more; ) {
    const retained = await readRetained(store, name);
    const done = chain.find(({ start }) => start === retained.hourly) ?? hourly;
    const hourMs = hourOf(done.state.windowStartMs);
    ({ more } = await deleteAged({ store, name, retained, days, clockMs, newest, hourMs, cutsMax }));
  }
}

/**
 * The objects that must remain: those of cuts whose last window is not older than the retention
 * days of their kind.
 */
function keptObjects({ chain }: Archive, keys: Iterable<string>, days: RetentionDays, timeMs: number): Set<string> {
  const endMs = new Map<string, number>();
  for (const { previous, state } of chain) for (const { key } of previous?.objects ?? []) endMs.set(key, state.windowStartMs);
  const isKept = (key: string) => {
    const kind = parseAudioKey(key) === undefined ? parseHourlyKey(key)?.folder : 'audio';
    if (kind === undefined || kind === 'hourly') return false;
    return days[kind] === 0 || (endMs.get(key) ?? Infinity) >= timeMs - days[kind] * DAY_MS;
  };
  return new Set([...keys].filter(isKept));
}

test('objects are deleted by kind and age, for a crash at any call, and the record covers all deleted ones', async (t) => {
  const original = await makeArchive(t, 300, [0, 30, 60, 90, 120], 15);
  await compactAll(original.store, original.name);
  const newestMs = original.chain.at(-1)?.state.windowStartMs ?? 0;
  const days = { frames: 3, marks: 4, audio: 1, statistics: 2 };
  const reference = await copyOf(t, original);
  let calls = 0;
  await retain(
    reference,
    interceptCalls(reference.store, () => void calls++),
    days,
    LATER(),
  );
  const before = await readObjects(original.store);
  const after = await readObjects(reference.store);
  const kept = keptObjects(original, before.keys(), days, newestMs);
  const outputs = [...after.keys()].filter((key) => !/^(cuts|retained|hourly)\//.test(key));
  assert.deepEqual(new Set(outputs), kept);
  for (const kind of OBJECT_KINDS) {
    const ofKind = outputs.filter((key) => key.startsWith(`${kind}/`)).length;
    assert.ok(ofKind > 0 && ofKind < [...before.keys()].filter((key) => key.startsWith(`${kind}/`)).length, kind);
  }
  // Hourly files are deleted with the last of their statistics, and manifests when no object that
  // they name is left.
  const record = await readRetained(reference.store, reference.name);
  for (const key of before.keys())
    if (key.startsWith('hourly/')) assert.equal(after.has(key), (parseHourlyKey(key)?.end ?? 0) > record.statistics, key);
  assert.equal(record.cuts, Math.min(...OBJECT_KINDS.map((kind) => record[kind])));
  assert.deepEqual(record.deleted, Object.fromEntries(OBJECT_KINDS.map((kind) => [kind, record[kind]])));
  for (const { start, previous } of original.chain) {
    const isThere = [...after.keys()].some((key) => parseManifestKey(key)?.start === start);
    assert.equal(isThere, start >= record.cuts);
    for (const { key } of previous?.objects ?? []) {
      const kind = parseAudioKey(key) === undefined ? parseHourlyKey(key)?.folder : 'audio';
      if (kind !== undefined && kind !== 'hourly') assert.equal(after.has(key), (previous?.start ?? 0) >= record[kind], key);
    }
  }
  assert.deepEqual((await verifyArchive({ store: reference.store })).findings, []);
  const step = Math.max(1, Math.floor(calls / 24));
  let deaths = 0;
  for (let death = 0; death < calls; death += step) {
    const copy = await copyOf(t, original);
    let left = death;
    const dying = interceptCalls(copy.store, () => {
      if (left-- <= 0) throw new Error('the process is dead');
    });
    await assert.rejects(retain(copy, dying, days, LATER()), /dead/);
    deaths++;
    await retain(copy, copy.store, days, LATER(), 1_000);
    assert.deepEqual(await readObjects(copy.store), after, `death at call ${death}`);
  }
  t.diagnostic(`${calls} calls, ${deaths} deaths, ${before.size} objects before, ${after.size} after`);
});

test('a clock that is ahead deletes nothing that is young by the log, and a clock that lags nothing that is young by itself', async (t) => {
  const archive = await makeArchive(t, 400, [0, 30], 20);
  const days = { frames: 1, marks: 1, audio: 1, statistics: 1 };
  const before = await readObjects(archive.store, 'frames/');
  const newestMs = archive.chain.at(-1)?.state.windowStartMs ?? 0;
  await retain(archive, archive.store, days, newestMs - 20 * HOUR_MS);
  assert.deepEqual(await readObjects(archive.store, 'frames/'), before);
  await retain(archive, archive.store, days, Date.UTC(2099, 0, 1));
  const after = [...(await readObjects(archive.store, 'frames/')).keys()];
  assert.deepEqual(new Set(after), new Set([...keptObjects(archive, before.keys(), days, newestMs)]));
  assert.ok(after.length > 0 && after.length < before.size);
});

test('no object of a cut that may be repeated is deleted, nor the manifest from which it begins', async (t) => {
  const archive = await makeArchive(t, 500, [0, 100], 20);
  const committed = archive.chain.at(-2) ?? assert.fail();
  const days = { frames: 1, marks: 1, audio: 1, statistics: 1 };
  await compactAll(archive.store, archive.name);
  await retain({ ...archive, chain: archive.chain.slice(0, -1) }, archive.store, days, LATER());
  const manifests = [...(await readObjects(archive.store, 'cuts/')).keys()].map((key) => parseManifestKey(key)?.start);
  assert.ok(manifests.includes(committed.start));
  for (const { key } of archive.chain.at(-1)?.previous?.objects ?? []) assert.ok((await archive.store.head(key)) !== undefined, key);
});

test('statistics of any age are kept until they are in hourly files', async (t) => {
  const archive = await makeArchive(t, 600, [0, 100], 20);
  const before = await readObjects(archive.store, 'statistics/');
  const days = { frames: 1, marks: 1, audio: 1, statistics: 1 };
  const { store, name, chain } = archive;
  const newest = chain.at(-1) ?? assert.fail();
  await deleteAged({ store, name, retained: await readRetained(store, name), days, clockMs: LATER(), newest, hourMs: 0, cutsMax: 1_000 });
  assert.deepEqual(await readObjects(store, 'statistics/'), before);
  assert.ok((await readRetained(store, name)).frames > 0);
});
