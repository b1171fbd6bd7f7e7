// Erasure of broadcasts from real archives: it leaves nothing of them and does not change anything
// else, even when it is interrupted or others write at the same time. Independent programs can
// still read every file.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as giveWay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { epochFromText } from '@hayate/protocol';
import { eraseBroadcast, noCounts } from '../../packages/server/src/archive/erase/erasure.ts';
import { type FoundBroadcast, findBroadcasts } from '../../packages/server/src/archive/erase/erasure-search.ts';
import { broadcastKey } from '../../packages/server/src/archive/layout/broadcast-name.ts';
import { readErasure } from '../../packages/server/src/archive/layout/erasure-record.ts';
import { decodeManifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { readObjectIdentity } from '../../packages/server/src/archive/layout/object-digest.ts';
import { manifestKey, parseAudioKey } from '../../packages/server/src/archive/layout/path.ts';
import { everythingRetained, writeRetained } from '../../packages/server/src/archive/layout/retained.ts';
import { listBroadcasts } from '../../packages/server/src/archive/read/catalog.ts';
import { decodeFrames } from '../../packages/server/src/archive/read/frame-reader.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { MARK_TABLE } from '../../packages/server/src/archive/row/mark-row.ts';
import { verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { startArchiver } from '../../packages/server/src/archiver/archiver.ts';
import { readAvro } from '../../packages/server/src/format/avro/index.ts';
import { readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { makeLog, seededNumbers } from '../support/archive-broadcast.ts';
import { archiveUntil, interceptCalls, makePlace, type Place, readObjects, writeLog } from '../support/archive-run.ts';
import { poll } from '../support/poll.ts';
import { requirePython, requireTool } from '../support/require-tool.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);
/** Long after every broadcast of the tests. */
const now = () => Date.UTC(2026, 6, 1);
const OPTIONS = { windowMs: 5_000, windowsPerCut: 2 };

interface Archive extends Place {
  /** Directory of the log as it was before it was read. */
  unread: string;
  /** Offset after the last log entry. */
  end: number;
}

async function makeArchive(t: TestContext, seed: number, seconds = 60): Promise<Archive> {
  const place = await makePlace(t);
  const end = await writeLog(place.directory, makeLog(seed, seconds, packetOf));
  const unread = `${place.directory}-unread`;
  await cp(place.directory, unread, { recursive: true });
  await archiveUntil(end, place, OPTIONS);
  return { ...place, unread, end };
}

/** A copy of the archive with a log that has not been read. */
async function copyOf(t: TestContext, { unread, archive, end }: Archive): Promise<Archive> {
  const place = await makePlace(t);
  await cp(unread, place.directory, { recursive: true });
  await cp(archive, place.archive, { recursive: true });
  return { ...place, unread, end };
}

async function oneOf(store: Store, stream: string): Promise<FoundBroadcast> {
  const [found] = await findBroadcasts(store, stream);
  assert.ok(found !== undefined);
  return found;
}

/**
 * The content that an object has of each broadcast; of manifests also the content that belongs to
 * no broadcast.
 */
async function contentOf(key: string, bytes: Uint8Array): Promise<Map<string, unknown[]>> {
  const content = new Map<string, unknown[]>();
  const add = (name: string, item: unknown) => content.set(name, [...(content.get(name) ?? []), item]);
  const audio = parseAudioKey(key);
  if (audio !== undefined) add(broadcastKey({ stream: audio.stream, epoch: key.split('/')[2] ?? '' }), readOggOpus(bytes));
  else if (key.startsWith('frames/')) for (const row of decodeFrames(key, bytes)) add(broadcastKey(row), row);
  else if (key.startsWith('marks/')) for (const row of readAvro(MARK_TABLE, bytes).rows) add(broadcastKey(row), row);
  else if (key.endsWith('.parquet')) for (const row of await decodeStatistics(key, bytes)) add(broadcastKey(row), row);
  else if (key.startsWith('cuts/')) {
    const { state, erased: _, ...rest } = decodeManifest(bytes, key);
    add('', rest);
    for (const epoch of state.epochs) add(broadcastKey(epoch), epoch);
  }
  return content;
}

/**
 * Checks that nothing of the broadcast is left, and that everything else is unchanged. Returns the
 * number of changed objects.
 */
async function assertErased(before: Map<string, Uint8Array>, store: Store, erased: ReadonlySet<string>): Promise<number> {
  const after = await readObjects(store);
  let changed = 0;
  assert.deepEqual(
    [...after.keys()].filter((key) => !key.startsWith('erased/')),
    [...before.keys()].filter((key) => !key.startsWith('erased/')),
  );
  for (const [key, old] of before) {
    const bytes = after.get(key) ?? new Uint8Array();
    const [was, is] = [await contentOf(key, old), await contentOf(key, bytes)];
    for (const [name, items] of was) {
      if (!erased.has(name)) assert.deepEqual(is.get(name), items, key);
      else if (key.startsWith('audio/'))
        assert.deepEqual(
          readOggOpus(bytes).map(({ playedSamples, packets }) => [playedSamples, packets.length]),
          [[0, 1]],
        );
      else if (!key.startsWith('cuts/')) assert.equal(is.get(name), undefined, key);
    }
    if (Buffer.compare(old, bytes) === 0) continue;
    changed++;
    assert.ok(
      [...was.keys()].some((name) => erased.has(name)),
      `${key} has changed without need`,
    );
    assert.deepEqual(readObjectIdentity(key, bytes), { digest: readObjectIdentity(key, old).digest, erased: true });
  }
  for (const [key, bytes] of after)
    for (const name of erased)
      if (key.startsWith('cuts/'))
        for (const epoch of decodeManifest(bytes, key).state.epochs)
          if (broadcastKey(epoch) === name) {
            assert.equal(epoch.header?.title ?? '', '');
            assert.ok(epoch.tracks.every(({ preroll }) => preroll.length === 0));
          }
  return changed;
}

test('nothing of an erased broadcast is left, and everything else is unchanged', async (t) => {
  for (const seed of [3, 77]) {
    const { store } = await makeArchive(t, seed);
    const before = await readObjects(store);
    const broadcast = await oneOf(store, 'bob');
    const counts = noCounts();
    await eraseBroadcast({ store, broadcast, now, counts });
    const changed = await assertErased(before, store, new Set([broadcastKey(broadcast)]));
    assert.equal(
      changed,
      Object.values(counts.replaced).reduce((sum, count) => sum + count, 0),
    );
    for (const kind of ['frames', 'audio', 'statistics', 'cuts'] as const) assert.ok(counts.replaced[kind] > 0, kind);
    assert.deepEqual(await readErasure(store, broadcast), {
      format: 'hayate-erasure-1',
      stream: 'bob',
      epoch: broadcast.epoch,
      requestedUnixMs: now(),
      completedUnixMs: now(),
      frames: [...before].reduce((sum, [key, bytes]) => sum + framesOf(key, bytes, broadcast), 0),
    });
    assert.deepEqual((await verifyArchive({ store })).findings, []);
    const listed = [];
    for await (const { stream, epoch } of listBroadcasts(store)) listed.push(`${stream}/${epoch}`);
    assert.ok(listed.length >= 2 && !listed.includes(broadcastKey(broadcast)));
    const again = noCounts();
    const once = await readObjects(store);
    await eraseBroadcast({ store, broadcast, now, counts: again });
    assert.deepEqual(await readObjects(store), once);
    assert.ok(Object.values(again.replaced).every((count) => count === 0));
  }
});

function framesOf(key: string, bytes: Uint8Array, { stream, epoch }: FoundBroadcast): number {
  if (!key.startsWith('frames/')) return 0;
  return decodeFrames(key, bytes).filter((row) => row.stream === stream && row.epoch === epoch).length;
}

test('an erasure that crashes at any call of the store is completed by the next run', async (t) => {
  const original = await makeArchive(t, 5, 30);
  const reference = await copyOf(t, original);
  const broadcast = await oneOf(original.store, 'bob');
  let calls = 0;
  await eraseBroadcast({ store: interceptCalls(reference.store, () => void calls++), broadcast, now });
  const expected = await readObjects(reference.store);
  const step = Math.max(1, Math.floor(calls / 16));
  let deaths = 0;
  for (let death = 0; death < calls; death += step) {
    const { store } = await copyOf(t, original);
    let left = death;
    const dying = interceptCalls(store, () => {
      if (left-- <= 0) throw new Error('the process is dead');
    });
    await assert.rejects(eraseBroadcast({ store: dying, broadcast, now }), /dead/);
    deaths++;
    await eraseBroadcast({ store, broadcast: await oneOf(store, 'bob'), now });
    assert.deepEqual(await readObjects(store), expected, `death at call ${death}`);
  }
  t.diagnostic(`${calls} calls, ${deaths} deaths`);
});

test('two concurrent erasures leave nothing of either broadcast, even if one writes after a long pause', async (t) => {
  const original = await makeArchive(t, 9, 30);
  const before = await readObjects(original.store);
  const [first, second] = [await oneOf(original.store, 'alice'), await oneOf(original.store, 'bob')];
  const erased = new Set([first, second].map(broadcastKey));
  const one = await copyOf(t, original);
  // The first erasure has read a file and is about to write it; then the second runs from start to
  // finish.
  let late: Promise<void> | undefined;
  const held = interceptCalls(one.store, async (call, key) => {
    if (call !== 'replace' || !key.startsWith('frames/')) return;
    late ??= eraseBroadcast({ store: one.store, broadcast: second, now });
    await late;
  });
  await eraseBroadcast({ store: held, broadcast: first, now });
  assert.ok(late !== undefined);
  await assertErased(before, one.store, erased);
  for (let seed = 1; seed <= 4; seed++) {
    const { store } = await copyOf(t, original);
    const random = seededNumbers(seed);
    const slow = interceptCalls(store, async () => {
      for (let turns = random(20); turns > 0; turns--) await giveWay();
    });
    await Promise.all([first, second].map((broadcast) => eraseBroadcast({ store: slow, broadcast, now })));
    await assertErased(before, store, erased);
  }
});

test('an archiver that repeats erased cuts, from any offset, changes nothing and has no conflict', async (t) => {
  const original = await makeArchive(t, 21);
  for (const stream of ['alice', 'bob'])
    await eraseBroadcast({ store: original.store, broadcast: await oneOf(original.store, stream), now });
  const expected = await readObjects(original.store);
  const manifests = [...expected].filter(([key]) => key.startsWith('cuts/')).map(([key, bytes]) => decodeManifest(bytes, key));
  assert.ok(manifests.filter(({ erased }) => erased !== undefined).length >= 3);
  for (const [index, { start }] of manifests.slice(0, -1).entries()) {
    const { directory } = await copyOf(t, original);
    await commit(directory, start);
    await archiveAgain(directory, original.store, manifests.length - 1 - index);
    assert.deepEqual(await readObjects(original.store), expected, `from ${start}`);
  }
});

test('an archiver that begins while an erasure is half done has no conflict, and the erasure can be completed', async (t) => {
  const original = await makeArchive(t, 25, 30);
  const broadcast = await oneOf(original.store, 'bob');
  const reference = await copyOf(t, original);
  let calls = 0;
  await eraseBroadcast({ store: interceptCalls(reference.store, () => void calls++), broadcast, now });
  const expected = await readObjects(reference.store);
  const step = Math.max(1, Math.floor(calls / 12));
  let begun = 0;
  for (let death = step; death < calls; death += step) {
    const copy = await copyOf(t, original);
    let left = death;
    const dying = interceptCalls(copy.store, () => {
      if (left-- <= 0) throw new Error('the process is dead');
    });
    await assert.rejects(eraseBroadcast({ store: dying, broadcast, now }), /dead/);
    const manifests = [...(await readObjects(copy.store, 'cuts/'))].map(([key, bytes]) => decodeManifest(bytes, key));
    const erased = manifests.findLastIndex((manifest) => manifest.erased !== undefined);
    if (erased < 0 || erased === manifests.length - 1) continue;
    begun++;
    await commit(copy.directory, manifests[erased]?.start ?? 0);
    await archiveAgain(copy.directory, copy.store, manifests.length - 1 - erased);
    await eraseBroadcast({ store: copy.store, broadcast, now });
    assert.deepEqual(await readObjects(copy.store), expected, `death at call ${death}`);
  }
  assert.ok(begun > 2);
  t.diagnostic(`${calls} calls, ${begun} archivers that began at an erased manifest`);
});

/** Sets the offset at which the log's group continues. */
async function commit(directory: string, offset: number): Promise<void> {
  const log = await openFileLog({ directory });
  const { promise, resolve } = Promise.withResolvers<void>();
  const consumer = await log.consume(async (partition) => {
    await partition.commit(offset);
    resolve();
  });
  await promise;
  await consumer.close();
  await log.close();
}

/** Runs an archiver until it has made `cuts` cuts. */
async function archiveAgain(directory: string, store: Store, cuts: number): Promise<void> {
  const log = await openFileLog({ directory });
  const context = createContext({ logLevel: 'silent' });
  const archiver = await startArchiver({ context, log, store, options: { ...OPTIONS, idleMs: 3_600_000, upkeepMs: 0 } });
  const done = async () => (await context.registry.getSingleMetric('hayate_archiver_cuts_total')?.get())?.values[0]?.value;
  await poll('the cuts', async () => archiver.unready() !== undefined || (await done()) === cuts);
  const reason = archiver.unready();
  await archiver.close();
  await log.close();
  assert.equal(reason, undefined);
}

test('erasing a live broadcast is refused and changes nothing', async (t) => {
  const { store } = await makeArchive(t, 31, 20);
  const before = await readObjects(store);
  const broadcasts = (await Promise.all(['alice', 'bob', 'carol-_9'].map((stream) => findBroadcasts(store, stream)))).flat();
  const live = broadcasts.find(({ ended }) => !ended);
  assert.ok(live !== undefined);
  const meanwhile = () => live.lastWindowMs + 60_000;
  await assert.rejects(eraseBroadcast({ store, broadcast: live, now: meanwhile }), { code: 'BAD_REQUEST' });
  assert.deepEqual(await readObjects(store), before);
});

test('an object that is deleted for its age while it is being replaced does not reappear', async (t) => {
  const { store } = await makeArchive(t, 41, 30);
  const broadcast = await oneOf(store, 'bob');
  const gone: string[] = [];
  const racing = interceptCalls(store, async (call, key) => {
    if (call !== 'replace' || !/^(frames|audio|statistics)/.test(key)) return;
    await writeRetained(store, { ...everythingRetained(broadcast), frames: 1e9, audio: 1e9, statistics: 1e9 });
    await store.delete(key);
    gone.push(key);
  });
  await eraseBroadcast({ store: racing, broadcast, now });
  assert.ok(gone.length > 3);
  for (const key of gone) assert.equal(await store.head(key), undefined, key);
});

test('an object that cannot be read does not stop the erasure of the others, and the erasure can be repeated', async (t) => {
  const { store } = await makeArchive(t, 51, 30);
  const broadcast = await oneOf(store, 'bob');
  const [key, bytes] = [...(await readObjects(store, 'statistics/'))].at(-1) ?? assert.fail();
  const broken = Uint8Array.from(bytes);
  broken[100] = (broken[100] ?? 0) ^ 1;
  await store.replace(key, broken);
  await assert.rejects(eraseBroadcast({ store, broadcast, now }), { code: 'CORRUPT' });
  assert.equal((await readErasure(store, broadcast))?.completedUnixMs, undefined);
  for (const object of (await readObjects(store, 'audio/bob/')).values()) assert.equal(readOggOpus(object)[0]?.playedSamples, 0);
  await store.replace(key, bytes);
  await eraseBroadcast({ store, broadcast: await oneOf(store, 'bob'), now });
  assert.equal((await readErasure(store, broadcast))?.completedUnixMs, now());
});

test('every broadcast of a stream is found with its beginning and its end, across days', async (t) => {
  const place = await makePlace(t);
  const batches = [0, 5, 26, 27, 53, 80].flatMap((hours) =>
    makeLog(1000 + hours, 8, packetOf).map((batch) => ({ ...batch, appendTimeMs: batch.appendTimeMs + hours * 3_600_000 })),
  );
  const end = await writeLog(place.directory, batches);
  await archiveUntil(end, place, { windowMs: 1_000, windowsPerCut: 1 });
  const manifests = [...(await readObjects(place.store, 'cuts/'))].map(([key, bytes]) => decodeManifest(bytes, key));
  for (const stream of ['alice', 'bob', 'carol-_9', 'nobody']) {
    const found = await findBroadcasts(place.store, stream);
    const epochs = new Set(batches.filter((batch) => batch.stream === stream).map(({ epoch }) => epoch));
    assert.deepEqual(new Set(found.map(({ epoch }) => epochFromText(epoch))), epochs);
    for (const { epoch, firstNamedBy, lastWindowMs } of found) {
      const naming = manifests.filter(({ state }) => state.epochs.some((each) => each.stream === stream && each.epoch === epoch));
      assert.equal(firstNamedBy, naming[0]?.start);
      const windows = naming.map(({ state }) => state.epochs.find((each) => each.epoch === epoch)?.windowStartMs);
      assert.equal(lastWindowMs, Math.max(...windows.map((window) => window ?? 0)));
    }
  }
});

test('independent programs read files from which a broadcast was erased', async (t) => {
  const tools = ['opusinfo', 'oggz-validate', 'ffprobe'].map((name) => requireTool(t, name));
  const python = requirePython(t, 'avro', 'zstandard');
  const [opusinfo, oggzValidate, ffprobe] = tools;
  if (!opusinfo || !oggzValidate || !ffprobe || python === undefined) return;
  const place = await makeArchive(t, 61);
  const broadcasts = (await Promise.all(['alice', 'bob', 'carol-_9'].map((stream) => findBroadcasts(place.store, stream)))).flat();
  const [first, ...rest] = broadcasts.sort((a, b) => b.frames - a.frames);
  assert.ok(first !== undefined);
  const rowsBefore = await countRows(place, python);
  await eraseBroadcast({ store: place.store, broadcast: first, now });
  const left = await countRows(place, python);
  assert.equal(left.avro[broadcastKey(first)], undefined);
  assert.equal(left.parquet[broadcastKey(first)], undefined);
  for (const broadcast of rest) {
    assert.equal(left.avro[broadcastKey(broadcast)], rowsBefore.avro[broadcastKey(broadcast)]);
    assert.equal(left.parquet[broadcastKey(broadcast)], rowsBefore.parquet[broadcastKey(broadcast)]);
  }
  const audio = [...(await readObjects(place.store, `audio/${first.stream}/${first.epoch}/`)).keys()];
  assert.ok(audio.length > 2);
  for (const key of audio) {
    const path = join(place.archive, key);
    assert.doesNotMatch(run(opusinfo, [path]), /warning|error|invalid/i);
    assert.doesNotMatch(run(oggzValidate, [path]), /error|invalid/i);
    assert.match(run(ffprobe, ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv', path]), /opus/);
  }
  // Also as a chain.
  const chain = join(place.archive, 'chain.ogg');
  run('sh', [
    '-c',
    `cat ${audio
      .filter((key) => !/late|participant/.test(key))
      .map((key) => join(place.archive, key))
      .join(' ')} > ${chain}`,
  ]);
  assert.doesNotMatch(run(opusinfo, [chain]), /warning|error|invalid/i);
  // Also when everything is gone.
  for (const broadcast of rest) await eraseBroadcast({ store: place.store, broadcast, now });
  assert.deepEqual(await countRows(place, python), { avro: {}, parquet: {} });
});

function run(program: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
  return stdout + stderr;
}

/** Rows by broadcast: frames and marks as read by Python's avro, statistics as read by DuckDB. */
async function countRows({ archive }: Place, python: string): Promise<{ avro: Record<string, number>; parquet: Record<string, number> }> {
  const program = `
import glob, json, sys
from avro.datafile import DataFileReader
from avro.io import DatumReader
rows = {}
for path in glob.glob(sys.argv[1] + '/*/**/*.avro', recursive=True):
    for row in DataFileReader(open(path, 'rb'), DatumReader()):
        key = row['stream'] + '/' + row['epoch']
        rows[key] = rows.get(key, 0) + 1
print(json.dumps(rows))
`;
  const avro: Record<string, number> = JSON.parse(run(python, ['-c', program, archive]));
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const result = await connection.runAndReadAll(
    `select stream || '/' || epoch, count(*)::int from read_parquet('${archive}/statistics/**/*.parquet') group by 1 order by 1`,
  );
  const parquet = Object.fromEntries(result.getRows().map(([name, rows]) => [String(name), Number(rows)]));
  connection.closeSync();
  return { avro, parquet };
}

test('a manifest that was changed after an erasure is refused', async (t) => {
  const { store } = await makeArchive(t, 71, 20);
  await eraseBroadcast({ store, broadcast: await oneOf(store, 'bob'), now });
  const erased = [...(await readObjects(store, 'cuts/'))]
    .map(([key, bytes]) => decodeManifest(bytes, key))
    .find((each) => each.erased !== undefined);
  assert.ok(erased !== undefined);
  const key = manifestKey(erased, erased.start);
  const forged = { ...erased, state: { ...erased.state, windowStartMs: erased.state.windowStartMs + 1 } };
  assert.throws(() => decodeManifest(new TextEncoder().encode(JSON.stringify(forged)), key), { code: 'CORRUPT' });
});
