// Upkeep as a running archiver does it: hours, retention, erasures begun by other processes, and
// content that arrives after them.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { EndedSchema, encodeFrame, Kind, mintEpoch } from '@hayate/protocol';
import { audioPayload, batchValue, headerPayload, STARTED_MS, tickValue } from '../../../../../test/support/archive-broadcast.ts';
import { interceptCalls, makePlace, type Place, readObjects } from '../../../../../test/support/archive-run.ts';
import { cleanUp } from '../../../../../test/support/clean-up.ts';
import { poll } from '../../../../../test/support/poll.ts';
import { eraseBroadcast } from '../../archive/erase/erasure.ts';
import { findBroadcasts } from '../../archive/erase/erasure-search.ts';
import { broadcastKey } from '../../archive/layout/broadcast-name.ts';
import { readErasure, requestErasure } from '../../archive/layout/erasure-record.ts';
import { readRetained } from '../../archive/layout/retained.ts';
import { decodeFrames } from '../../archive/read/frame-reader.ts';
import { type Context, createContext } from '../../kernel/context.ts';
import type { Service } from '../../kernel/service.ts';
import { openFileLog } from '../../log/file/open.ts';
import type { Log } from '../../log/log.ts';
import type { Store } from '../../store/store.ts';
import { type ArchiverOptions, startArchiver } from '../archiver.ts';

const HOUR_MS = 3_600_000;
const SOON_MS = 10;

interface Running extends Place {
  log: Log;
  archiver: Service;
  context: Context;
  /** Sets the log's clock. */
  setTime: (unixMs: number) => void;
}

async function start(t: TestContext, options: ArchiverOptions, makeStore = (store: Store) => store): Promise<Running> {
  const place = await makePlace(t);
  let nowMs = STARTED_MS;
  const log = await openFileLog({ directory: place.directory, now: () => nowMs });
  const context = createContext({ logLevel: 'silent' });
  const archiver = await startArchiver({ context, log, store: makeStore(place.store), options: { idleMs: 24 * HOUR_MS, ...options } });
  cleanUp(t, async () => {
    await archiver.close();
    await log.close();
  });
  const setTime = (unixMs: number) => {
    nowMs = unixMs;
  };
  return { ...place, log, archiver, context, setTime };
}

/** Appends frames from `first` to before `end` of a broadcast; the last batch may end it. */
async function append(log: Log, stream: string, epoch: bigint, first: number, end: number, ends = false): Promise<void> {
  const frames = Array.from({ length: end - first }, (_, i) => {
    const sequence = first + i;
    const payload = sequence === 0 ? headerPayload({ title: `of ${stream}` }) : audioPayload([Uint8Array.of(0x78, sequence & 255, 1)], 40);
    const kind = sequence === 0 ? Kind.HEADER : Kind.AUDIO;
    return encodeFrame({ stream, epoch, sequence, captureUs: sequence * 20_000, kind, payload, position: Math.max(0, sequence - 1) * 960 });
  });
  const ended = create(EndedSchema, { epoch, nextSequence: BigInt(end), reason: 1 });
  await log.append(stream, batchValue(stream, epoch, frames, STARTED_MS, ends ? { end: ended } : {}));
}

async function metric(context: Context, name: string): Promise<number> {
  const value = await context.registry.getSingleMetric(name)?.get();
  return (value?.values ?? []).reduce((sum, { value: part }) => sum + part, 0);
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  return [...(await readObjects(store, prefix)).keys()];
}

async function sequencesOf(store: Store, stream: string): Promise<number[]> {
  const sequences: number[] = [];
  for (const [key, bytes] of await readObjects(store, 'frames/'))
    for (const row of decodeFrames(key, bytes)) if (row.stream === stream) sequences.push(row.sequence);
  return sequences.sort((a, b) => a - b);
}

const EPOCH = mintEpoch(STARTED_MS, 3);

test('a running archiver compacts hours, deletes objects that are too old, and counts both', async (t) => {
  const { log, archiver, store, context, setTime } = await start(t, { upkeepMs: SOON_MS, retainDays: { frames: 1, audio: 2 } });
  for (const hour of [0, 1, 30, 60]) {
    setTime(STARTED_MS + hour * HOUR_MS);
    await append(log, 'solo', mintEpoch(STARTED_MS + hour * HOUR_MS, 1), 0, 20, true);
    await archiver.drain();
  }
  await poll('the hours', async () => (await keysOf(store, 'hourly/')).length === 3);
  await poll('the deletions', async () => (await keysOf(store, 'frames/')).length === 1 && (await keysOf(store, 'audio/')).length === 2);
  const [name] = await findBroadcasts(store, 'solo');
  assert.ok(name !== undefined);
  const retained = await readRetained(store, name);
  assert.ok(retained.frames > retained.audio && retained.audio > 0 && retained.cuts === 0);
  assert.equal((await keysOf(store, 'statistics/')).length, 4);
  await poll('the count', async () => (await metric(context, 'hayate_archiver_objects_deleted_total')) === 5);
  assert.equal(await metric(context, 'hayate_archiver_upkeep_failures_total'), 0);
});

test('upkeep that fails is counted and retried, and archiving continues meanwhile', async (t) => {
  let broken = true;
  const { log, archiver, store, context, setTime } = await start(t, { upkeepMs: SOON_MS }, (real) =>
    interceptCalls(real, (call, key) => {
      if (broken && (call === 'replace' || key.startsWith('hourly/'))) throw new Error('503');
    }),
  );
  for (const hour of [0, 1, 2]) {
    setTime(STARTED_MS + hour * HOUR_MS);
    await append(log, 'solo', mintEpoch(STARTED_MS + hour * HOUR_MS, 1), 0, 20, true);
    await archiver.drain();
  }
  await poll('two failures', async () => (await metric(context, 'hayate_archiver_upkeep_failures_total')) >= 2);
  assert.equal(archiver.unready(), undefined);
  assert.equal((await keysOf(store, 'audio/')).length, 3);
  assert.deepEqual(await keysOf(store, 'hourly/'), []);
  broken = false;
  await poll('the hours', async () => (await keysOf(store, 'hourly/')).length === 2);
});

test('frames of an erased broadcast that arrive later are erased too, once it has ended', async (t) => {
  const { log, archiver, store, context } = await start(t, { upkeepMs: SOON_MS });
  await append(log, 'aki', EPOCH, 0, 50, true);
  await append(log, 'other', EPOCH, 0, 10);
  await archiver.drain();
  const [broadcast] = await findBroadcasts(store, 'aki');
  assert.ok(broadcast !== undefined);
  await eraseBroadcast({ store, broadcast, now: () => STARTED_MS });
  assert.deepEqual(await sequencesOf(store, 'aki'), []);
  // The broadcast had been given up for lost, and comes back.
  await append(log, 'aki', EPOCH, 50, 60);
  await archiver.drain();
  assert.deepEqual((await sequencesOf(store, 'aki')).length, 10);
  await append(log, 'aki', EPOCH, 60, 70, true);
  await append(log, 'other', EPOCH, 10, 20);
  await archiver.drain();
  await poll('the erasure', async () => (await sequencesOf(store, 'aki')).length === 0);
  await poll('the count', async () => (await metric(context, 'hayate_archiver_erasures_total')) === 1);
  assert.equal((await readErasure(store, broadcast))?.frames, 70);
  assert.equal((await sequencesOf(store, 'other')).length, 20);
  // More frames may arrive even then.
  await append(log, 'aki', EPOCH, 70, 80, true);
  await archiver.drain();
  await poll('the second erasure', async () => (await metric(context, 'hayate_archiver_erasures_total')) === 2);
  assert.deepEqual(await sequencesOf(store, 'aki'), []);
  assert.equal((await readErasure(store, broadcast))?.frames, 80);
});

test('an erasure that was begun and never completed is continued', async (t) => {
  const { log, archiver, store } = await start(t, { upkeepMs: SOON_MS });
  await append(log, 'aki', EPOCH, 0, 50, true);
  await append(log, 'other', EPOCH, 0, 10);
  await archiver.drain();
  const [broadcast] = await findBroadcasts(store, 'aki');
  assert.ok(broadcast !== undefined);
  await requestErasure(store, broadcast, 0);
  await poll('the completion', async () => (await readErasure(store, broadcast))?.completedUnixMs !== undefined);
  assert.deepEqual(await sequencesOf(store, 'aki'), []);
  assert.equal((await sequencesOf(store, 'other')).length, 10);
  // An erasure that is not in this archive is left alone, and stops no other.
  const elsewhere = { stream: 'nobody', epoch: broadcast.epoch };
  await requestErasure(store, elsewhere, 0);
  await append(log, 'aki', EPOCH, 50, 60, true);
  await log.append('', tickValue(true));
  await archiver.drain();
  await poll('the rest', async () => (await readErasure(store, broadcast))?.frames === 60);
  assert.equal((await readErasure(store, elsewhere))?.completedUnixMs, undefined, broadcastKey(elsewhere));
});

test("a running archiver's memory of a broadcast that was erased without an end is removed from its manifests", async (t) => {
  const { log, archiver, store } = await start(t, { upkeepMs: SOON_MS });
  await append(log, 'aki', EPOCH, 0, 50);
  await archiver.drain();
  const [broadcast] = await findBroadcasts(store, 'aki');
  assert.equal(broadcast?.ended, false);
  // Its streamer died two days ago, and the log has had no entry since.
  const now = () => STARTED_MS + 48 * HOUR_MS;
  await eraseBroadcast({ store, broadcast, now });
  const titles = async () =>
    [...(await readObjects(store, 'cuts/')).values()].filter((bytes) => Buffer.from(bytes).includes('of aki')).length;
  assert.equal(await titles(), 0);
  await append(log, 'other', EPOCH, 0, 10);
  await archiver.drain();
  await poll('clean manifests', async () => (await titles()) === 0);
  await append(log, 'other', EPOCH, 10, 20, true);
  await archiver.drain();
  await poll('clean manifests again', async () => (await titles()) === 0);
  assert.equal(archiver.unready(), undefined);
  assert.deepEqual(await sequencesOf(store, 'aki'), []);
});
