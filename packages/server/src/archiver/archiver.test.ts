import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { encodeFrame, Kind, mintEpoch } from '@hayate/protocol';
import { audioPayload, batchValue, headerPayload, STARTED_MS, tickValue } from '../../../../test/support/archive-broadcast.ts';
import { interceptWrites, makePlace, type Place, readObjects } from '../../../../test/support/archive-run.ts';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { poll } from '../../../../test/support/poll.ts';
import { CUT_CONFIG } from '../archive/layout/cut-config.ts';
import { decodeManifest } from '../archive/layout/manifest.ts';
import { listBroadcasts } from '../archive/read/catalog.ts';
import { FRAME_TABLE } from '../archive/row/frame-row.ts';
import { MARK_TABLE } from '../archive/row/mark-row.ts';
import { type Context, createContext } from '../kernel/context.ts';
import type { Service } from '../kernel/service.ts';
import { openFileLog } from '../log/file/open.ts';
import type { Log } from '../log/log.ts';
import type { Store } from '../store/store.ts';
import { type ArchiverOptions, startArchiver } from './archiver.ts';

const EPOCH = mintEpoch(STARTED_MS, 7);
const NEVER_MS = 3_600_000;

interface Running extends Place {
  log: Log;
  archiver: Service;
  context: Context;
}

async function start(t: TestContext, place: Place, options: ArchiverOptions, store: Store = place.store): Promise<Running> {
  const log = await openFileLog({ directory: place.directory });
  const context = createContext({ logLevel: 'silent' });
  const archiver = await startArchiver({ context, log, store, options: { upkeepMs: 0, ...options } });
  cleanUp(t, async () => {
    await archiver.close();
    await log.close();
  });
  return { ...place, log, archiver, context };
}

/** Appends a header and `seconds` of voice from `second` on, one batch a second. */
async function broadcast(log: Log, second: number, seconds: number): Promise<void> {
  for (let at = second; at < second + seconds; at++) {
    const frames = Array.from({ length: 50 }, (_, i) => {
      const sequence = at * 50 + i;
      const payload = sequence === 0 ? headerPayload() : audioPayload([Uint8Array.of(0x78, i, 1, 2)], 40);
      const kind = sequence === 0 ? Kind.HEADER : Kind.AUDIO;
      return encodeFrame({
        stream: 'solo',
        epoch: EPOCH,
        sequence,
        captureUs: sequence * 20_000,
        kind,
        payload,
        position: Math.max(0, sequence - 1) * 960,
      });
    });
    await log.append('solo', batchValue('solo', EPOCH, frames, STARTED_MS + at * 1000));
  }
}

async function metric(context: Context, name: string): Promise<number> {
  const value = await context.registry.getSingleMetric(name)?.get();
  return (value?.values ?? []).reduce((sum, { value: part }) => sum + part, 0);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  return [...(await readObjects(store, prefix)).keys()];
}

test('spec/frame.avsc and spec/mark.avsc are the schemas that files carry', () => {
  for (const [name, table] of [
    ['frame', FRAME_TABLE],
    ['mark', MARK_TABLE],
  ] as const) {
    const text = readFileSync(new URL(`../../../../spec/${name}.avsc`, import.meta.url), 'utf8');
    assert.equal(JSON.stringify(JSON.parse(text)), table.schemaJson);
  }
});

test('a broadcast that falls silent is archived without further entries, and the catalogue lists it', async (t) => {
  const { log, store, context } = await start(t, await makePlace(t), { idleMs: 50 });
  await broadcast(log, 0, 3);
  await poll('the audio of the broadcast', async () => (await keysOf(store, 'audio/')).length > 0);
  const [found, more] = await collect(listBroadcasts(store, { stream: 'solo' }));
  assert.equal(more, undefined);
  assert.equal(found?.stream, 'solo');
  assert.equal(found.startedAt.getTime(), STARTED_MS);
  const [segment] = found.audioSegments;
  assert.equal(segment?.title, 'Test');
  assert.equal(segment.firstSequence, 1);
  assert.equal(segment.startUnixMs, STARTED_MS);
  assert.ok((await metric(context, 'hayate_archiver_ticks_total')) >= 1);
  assert.deepEqual(await collect(listBroadcasts(store, { stream: 'other' })), []);
});

test('drain archives everything that the log holds, and a restart continues where it ended', async (t) => {
  const place = await makePlace(t);
  for (let life = 0; life < 3; life++) {
    const { log, archiver, store } = await start(t, place, { idleMs: NEVER_MS });
    await broadcast(log, life * 2, 2);
    await archiver.drain();
    assert.equal((await keysOf(store, 'audio/')).length, life + 1);
    assert.equal(archiver.unready(), undefined);
    await archiver.close();
    await log.close();
  }
  const [found] = await collect(listBroadcasts(place.store));
  assert.deepEqual(
    found?.audioSegments.map(({ durationMs, position }) => [durationMs, position]),
    [
      [99 * 20 - 6.5, 0],
      [2_000, 99 * 960],
      [2_000, 199 * 960],
    ],
  );
});

test('a store that fails is retried until it works, makes the server unready, and nothing is lost', async (t) => {
  const place = await makePlace(t);
  let broken = false;
  const failing = interceptWrites(place.store, () => {
    if (broken) throw new Error('503');
  });
  const { log, archiver, context } = await start(t, place, { idleMs: NEVER_MS }, failing);
  await poll('the first manifest', async () => (await keysOf(place.store, 'cuts/')).length === 1);
  broken = true;
  await broadcast(log, 0, 2);
  const drained = archiver.drain();
  await poll('a retry', async () => (await metric(context, 'hayate_archiver_store_retries_total')) >= 2);
  assert.match(archiver.unready() ?? '', /store fails/);
  assert.equal((await keysOf(place.store, 'audio/')).length, 0);
  broken = false;
  await drained;
  assert.equal((await keysOf(place.store, 'audio/')).length, 1);
  assert.equal(archiver.unready(), undefined);
});

test('an existing object with different content stops the partition before it commits', async (t) => {
  const place = await makePlace(t);
  const first = await start(t, place, { idleMs: NEVER_MS });
  await broadcast(first.log, 0, 2);
  await first.archiver.drain();
  const [audio] = await keysOf(place.store, 'audio/');
  assert.ok(audio !== undefined);
  // A second archive that holds a foreign object at the key of the first one.
  const other = await makePlace(t);
  const { log, archiver, context } = await start(t, other, { idleMs: NEVER_MS });
  await broadcast(log, 0, 1);
  assert.equal(await other.store.putIfAbsent(audio, (await place.store.get(audio)) ?? new Uint8Array()), true);
  await archiver.drain();
  await poll('the partition to stop', () => archiver.unready() !== undefined);
  assert.match(archiver.unready() ?? '', /partition 0 has stopped: .*different content/);
  assert.equal(await metric(context, 'hayate_archiver_partitions_stopped'), 1);
  assert.equal((await keysOf(other.store, 'cuts/')).length, 1);
});

test('an entry that no streamer would append stops the partition, and entries before it stay uncommitted', async (t) => {
  const frame = encodeFrame({ stream: 'other', epoch: EPOCH, sequence: 0, captureUs: 0, kind: Kind.EVENT, payload: new Uint8Array(1) });
  for (const value of [
    Uint8Array.of(1, 2, 3),
    new Uint8Array(0),
    batchValue('solo', EPOCH, [frame], 0),
    batchValue('solo', EPOCH, [Uint8Array.of(9)], 0),
  ]) {
    const { log, archiver, store } = await start(t, await makePlace(t), { idleMs: NEVER_MS });
    await broadcast(log, 0, 1);
    await log.append('solo', value);
    await poll('the partition to stop', () => archiver.unready() !== undefined);
    assert.match(archiver.unready() ?? '', /stopped: log entry 1/);
    assert.equal((await keysOf(store, 'cuts/')).length, 1);
  }
});

test("a cut obeys its manifest's configuration, and new flags apply from the next cut", async (t) => {
  const place = await makePlace(t);
  const first = await start(t, place, { idleMs: NEVER_MS, avroCodec: 'null' });
  await poll('the first manifest', async () => (await keysOf(place.store, 'cuts/')).length === 1);
  await first.archiver.close();
  await first.log.close();
  const second = await start(t, place, { idleMs: NEVER_MS, avroCodec: 'deflate' });
  for (const life of [0, 1]) {
    await broadcast(second.log, life, 1);
    await second.archiver.drain();
  }
  const manifests = [...(await readObjects(place.store, 'cuts/'))].map(([key, bytes]) => decodeManifest(bytes, key));
  assert.deepEqual(
    manifests.map(({ config }) => config.avroCodec),
    ['null', 'deflate', 'deflate'],
  );
  const [plain, packed] = [...(await readObjects(place.store, 'frames/')).values()].map((bytes) =>
    Buffer.from(bytes).toString('latin1').slice(0, 8_000),
  );
  assert.match(plain ?? '', /avro\.codec.null/);
  assert.match(packed ?? '', /avro\.codec.deflate/);
});

test('payloads that cannot be read are kept as frames and counted, and ticks without frames write only manifests', async (t) => {
  const { log, archiver, store } = await start(t, await makePlace(t), { idleMs: NEVER_MS });
  await log.append('', tickValue(true));
  await archiver.drain();
  assert.deepEqual(
    (await keysOf(store, '')).map((key) => key.split('/')[0]),
    ['cuts', 'cuts', 'cuts'],
  );
  const frames = [Kind.AUDIO, Kind.HEADER].map((kind, sequence) =>
    encodeFrame({ stream: 'solo', epoch: EPOCH, sequence, captureUs: 0, kind, payload: Uint8Array.of(0xff, 0xff) }),
  );
  await log.append('solo', batchValue('solo', EPOCH, frames, STARTED_MS));
  await archiver.drain();
  assert.equal((await keysOf(store, 'frames/')).length, 1);
  assert.equal((await keysOf(store, 'audio/')).length, 0);
});

test('options out of range are refused with the reason', async (t) => {
  const { directory, store } = await makePlace(t);
  const log = await openFileLog({ directory });
  cleanUp(t, () => log.close());
  const context = createContext({ logLevel: 'silent' });
  await assert.rejects(startArchiver({ context, log, store, options: { windowMs: 1 } }), /windowMs/);
  assert.equal(CUT_CONFIG.windowMs, 10_000);
});
