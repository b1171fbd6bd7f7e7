// A replay reads the frames of a broadcast from the archive. The real archiver runs over a log with
// gaps, duplicates, late resends and pauses. Then every broadcast is found, read stretch by
// stretch, and compared with the frames that went into the log.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeFrame, epochStartedMs, epochText, FrameFlag, isKey, Kind, mintEpoch, peekFrame } from '@hayate/protocol';
import { requestErasure } from '../../packages/server/src/archive/layout/erasure-record.ts';
import { parseHourlyKey } from '../../packages/server/src/archive/layout/path.ts';
import { everythingRetained, writeRetained } from '../../packages/server/src/archive/layout/retained.ts';
import { BroadcastIndex } from '../../packages/server/src/archive/read/broadcast-index.ts';
import { BroadcastReader } from '../../packages/server/src/archive/read/broadcast-reader.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { type AppendedBatch, batchValue, headerPayload, makeLog, STARTED_MS } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, writeLog } from '../support/archive-run.ts';
import { root } from '../support/process.ts';

const DAY_MS = 86_400_000;
/** One Opus packet of 20 ms. */
const packet = (index: number) => Uint8Array.of(0xf8, index & 0xff, 7);

/** The frames of each broadcast by sequence; of duplicates, the first copy. */
function broadcastsOf(batches: readonly AppendedBatch[]): Map<string, Map<number, Uint8Array>> {
  const broadcasts = new Map<string, Map<number, Uint8Array>>();
  for (const { stream, epoch, frames } of batches) {
    const key = `${stream}/${epochText(epoch)}`;
    const known = broadcasts.get(key) ?? new Map<number, Uint8Array>();
    broadcasts.set(key, known);
    for (const { sequence, bytes } of frames) if (!known.has(sequence)) known.set(sequence, bytes);
  }
  return broadcasts;
}

const everything = { fromMs: 0, toMs: STARTED_MS + 2 * DAY_MS, limit: 200, includes: () => true };

function openArchive({ store }: Pick<Place, 'store'>) {
  const now = () => STARTED_MS + DAY_MS;
  const index = new BroadcastIndex(store, now);
  return { index, reader: new BroadcastReader(store, index, now) };
}

for (const seed of [3, 40_401, 628_148])
  test(`every part of every broadcast is read back, with the keys and headers needed to begin there (seed ${seed})`, async (t) => {
    const place = await makePlace(t);
    const batches = makeLog(seed, 240, packet);
    await archiveUntil(await writeLog(place.directory, batches), place);
    const { index, reader } = openArchive(place);
    const broadcasts = broadcastsOf(batches);
    const { broadcasts: listed, next } = await index.list(everything);
    assert.equal(next, undefined);
    const withFrames = [...broadcasts].filter(([, frames]) => frames.size > 0).map(([key]) => key);
    assert.deepEqual(listed.map(({ stream, epoch }) => `${stream}/${epoch}`).toSorted(), withFrames.toSorted());
    let stretches = 0;
    for (const broadcast of listed) {
      const frames = [...(broadcasts.get(`${broadcast.stream}/${broadcast.epoch}`)?.values() ?? [])];
      const headers = frames.map(peekFrame);
      assert.equal(broadcast.frames, frames.length);
      assert.equal(
        broadcast.bytes,
        frames.reduce((sum, { length }) => sum + length, 0),
      );
      assert.equal(broadcast.durationMs, Math.ceil((Math.max(...headers.map(({ captureUs }) => captureUs)) + 1) / 1000));
      for (let fromMs = 0; fromMs < broadcast.durationMs; fromMs += 7_000) {
        const toMs = fromMs + 7_000;
        const given = (await reader.frames(broadcast, { fromMs, toMs })).map((bytes) => ({ bytes, header: peekFrame(bytes) }));
        const within = (captureUs: number) => captureUs >= fromMs * 1000 && captureUs < toMs * 1000;
        const expected = frames.filter((bytes) => within(peekFrame(bytes).captureUs)).map((bytes) => Buffer.from(bytes).toString('hex'));
        const stretch = given.filter(({ header }) => within(header.captureUs)).map(({ bytes }) => Buffer.from(bytes).toString('hex'));
        assert.deepEqual(stretch.toSorted(), expected.toSorted(), `${broadcast.stream} from ${fromMs} ms`);
        assert.deepEqual(
          given.map(({ header }) => header.sequence),
          given.map(({ header }) => header.sequence).toSorted((a, b) => a - b),
        );
        const leadIn = given.filter(({ header }) => !within(header.captureUs)).map(({ header }) => header);
        assert.ok(leadIn.every((header) => header.captureUs < fromMs * 1000 && (header.kind === Kind.HEADER || isKey(header))));
        const before = headers.filter(({ captureUs }) => captureUs < fromMs * 1000);
        if (before.some(({ kind }) => kind === Kind.HEADER)) assert.equal(leadIn.filter(({ kind }) => kind === Kind.HEADER).length, 1);
        const latestKey = Math.max(
          -1,
          ...before.filter((header) => isKey(header) && header.captureUs >= (fromMs - 9_000) * 1000).map(({ sequence }) => sequence),
        );
        if (latestKey >= 0)
          assert.ok(
            leadIn.some(({ sequence }) => sequence === latestKey),
            `the latest key before ${fromMs} ms`,
          );
        stretches++;
      }
    }
    t.diagnostic(`${listed.length} broadcasts, ${stretches} stretches`);
  });

/** A broadcast of keys, one a second for `seconds` from capture second `fromS`, after a header. */
function frameAt(epoch: bigint, sequence: number, captureMs: number, kind: number = Kind.MOTION): Uint8Array {
  const payload = kind === Kind.HEADER ? headerPayload({ title: 'A long one' }) : Uint8Array.of();
  return encodeFrame({
    stream: 'phone',
    epoch,
    sequence,
    captureUs: captureMs * 1000,
    kind,
    flags: kind === Kind.MOTION ? FrameFlag.KEY : 0,
    payload,
  });
}

/**
 * A phone broadcasts for a minute, is away for 50 minutes, and comes back: it sends live frames
 * first, then the frames that it had kept.
 */
async function phoneArchive(place: Place): Promise<{ epoch: bigint; sequences: Map<number, number> }> {
  const epoch = mintEpoch(STARTED_MS, 5);
  const sequences = new Map<number, number>();
  const entries: { stream: string; appendTimeMs: number; value: Uint8Array }[] = [];
  const append = (appendTimeMs: number, frames: Uint8Array[]) =>
    entries.push({ stream: 'phone', appendTimeMs, value: batchValue('phone', epoch, frames, appendTimeMs) });
  const key = (second: number) => {
    sequences.set(second, second + 1);
    return frameAt(epoch, second + 1, second * 1000);
  };
  append(STARTED_MS + 10, [frameAt(epoch, 0, 1, Kind.HEADER)]);
  for (let second = 0; second < 60; second++) append(STARTED_MS + second * 1000 + 20, [key(second)]);
  // Seconds 60 to 89 were kept on the phone; from second 3,060 on it is live again.
  for (let second = 3_060; second < 3_100; second++) append(STARTED_MS + second * 1000 + 20, [key(second)]);
  for (let second = 60; second < 90; second++) append(STARTED_MS + 3_100_000 + second * 10, [key(second)]);
  for (let second = 3_100; second < 3_700; second++) append(STARTED_MS + second * 1000 + 900, [key(second)]);
  await archiveUntil(await writeLog(place.directory, entries), place);
  return { epoch, sequences };
}

test('a time whose frames arrived fifty minutes late is found by capture time, and begins with the right key and header', async (t) => {
  const place = await makePlace(t);
  const { epoch, sequences } = await phoneArchive(place);
  const { index, reader } = openArchive(place);
  const [phone] = (await index.list(everything)).broadcasts;
  assert.deepEqual(
    [phone?.stream, phone?.epoch, phone?.title, phone?.frames],
    ['phone', epochText(epoch), 'A long one', sequences.size + 1],
  );
  assert.equal(phone?.durationMs, 3_699_001);
  assert.equal(
    new Set(
      (await reader.record({ stream: 'phone', epoch: epochText(epoch) })).windows.map(({ startMs }) => Math.floor(startMs / 3_600_000)),
    ).size,
    3,
  );
  for (const fromS of [0, 20, 58, 65, 88, 500, 3_055, 3_060, 3_098, 3_400]) {
    const given = (
      await reader.frames({ stream: 'phone', epoch: epochText(epoch) }, { fromMs: fromS * 1000, toMs: fromS * 1000 + 5_000 })
    ).map(peekFrame);
    const expected = Array.from({ length: 5 }, (_, i) => sequences.get(fromS + i)).filter((sequence) => sequence !== undefined);
    assert.deepEqual(
      given.filter(({ captureUs }) => captureUs >= fromS * 1_000_000 && captureUs !== 1_000).map(({ sequence }) => sequence),
      expected,
      `from ${fromS} s`,
    );
    assert.equal(given.filter(({ kind }) => kind === Kind.HEADER).length, 1, `from ${fromS} s`);
    const before = sequences.get(fromS - 1);
    if (before !== undefined)
      assert.ok(
        given.some(({ sequence }) => sequence === before),
        `the key before ${fromS} s`,
      );
  }
});

test('hourly statistics give the same results as the statistics they were made from', async (t) => {
  const place = await makePlace(t);
  const { epoch } = await phoneArchive(place);
  const phone = { stream: 'phone', epoch: epochText(epoch) };
  const before = openArchive(place);
  const listed = await before.index.list(everything);
  const record = await before.reader.record(phone);
  const name = { log: record.broadcast.log, partition: record.broadcast.partition };
  const { made } = await compactHours({ store: place.store, name, from: 0, advance: () => Promise.resolve(), stepsMax: 100 });
  assert.equal(made, 2, 'the third hour is not over');
  const after = openArchive(place);
  assert.deepEqual(await after.index.list(everything), listed);
  assert.deepEqual(await after.reader.record(phone), record);
  // Deletes the statistics of past hours; reading does not need them.
  for await (const { key } of place.store.list('statistics/'))
    if ((parseHourlyKey(key)?.hourMs ?? 0) < record.broadcast.lastAppendMs - 3_600_000) await place.store.delete(key);
  assert.deepEqual(await after.reader.framesKeys(record.windows), await before.reader.framesKeys(record.windows));
  assert.deepEqual(await openArchive(place).index.find(phone), record.broadcast);
});

test('pages follow one another without loss or repetition, whatever their size, and obey time and stream', async (t) => {
  const place = await makePlace(t);
  const batches = makeLog(11, 300, packet);
  await archiveUntil(await writeLog(place.directory, batches), place);
  const { index } = openArchive(place);
  const all = (await index.list(everything)).broadcasts;
  assert.ok(all.length > 5);
  const starts = all.map(({ epoch }) => epochStartedMs(BigInt(`0x${epoch}`)));
  assert.deepEqual(
    starts,
    starts.toSorted((a, b) => b - a),
  );
  for (const limit of [1, 2, 5]) {
    const paged: typeof all = [];
    for (let after: string | undefined, pages = 0; pages < 100; pages++) {
      const page = await index.list({ ...everything, limit, ...(after === undefined ? {} : { after }) });
      assert.ok(page.broadcasts.length <= limit);
      paged.push(...page.broadcasts);
      after = page.next;
      if (after === undefined) break;
    }
    assert.deepEqual(paged, all);
  }
  const [fromMs, toMs] = [starts.at(-2) ?? 0, starts[1] ?? 0];
  assert.deepEqual(
    (await index.list({ ...everything, fromMs, toMs })).broadcasts,
    all.filter((_, i) => (starts[i] ?? 0) >= fromMs && (starts[i] ?? 0) < toMs),
  );
  const ofBob = (await index.list({ ...everything, includes: (stream) => stream === 'bob' })).broadcasts;
  assert.deepEqual(
    ofBob,
    all.filter(({ stream }) => stream === 'bob'),
  );
});

test('an erased broadcast is gone at once, and frames deleted for their age are reported as deleted', async (t) => {
  const place = await makePlace(t);
  const { epoch } = await phoneArchive(place);
  const phone = { stream: 'phone', epoch: epochText(epoch) };
  const { index, reader } = openArchive(place);
  const { windows } = await reader.record(phone);
  const first = windows[0];
  const [key] = await reader.framesKeys(windows);
  assert.ok(first !== undefined && key !== undefined);
  await place.store.delete(key);
  await assert.rejects(reader.frames(phone, { fromMs: 0, toMs: 1_000 }), { code: 'CORRUPT' }, 'an unintended hole');
  await writeRetained(place.store, { ...everythingRetained(first), frames: first.lastOffset + 1 });
  await assert.rejects(reader.frames(phone, { fromMs: 0, toMs: 1_000 }), { code: 'GONE' });
  assert.ok((await reader.frames(phone, { fromMs: 3_400_000, toMs: 3_401_000 })).length > 0);
  const isReplayable = async () => (await openArchive(place).index.list(everything)).broadcasts[0]?.isReplayable;
  assert.equal(await isReplayable(), true);
  await writeRetained(place.store, { ...everythingRetained(first), frames: (windows.at(-1)?.lastOffset ?? 0) + 1 });
  assert.equal(await isReplayable(), false);
  await requestErasure(place.store, phone, STARTED_MS);
  await assert.rejects(reader.frames(phone, { fromMs: 3_400_000, toMs: 3_401_000 }), { code: 'GONE' });
  assert.deepEqual((await index.list(everything)).broadcasts, []);
  assert.equal(await index.find(phone), undefined);
  await assert.rejects(reader.record({ ...phone, stream: 'nobody' }), { code: 'NOT_FOUND' });
});

test('a broadcast whose HEADER cannot be read is replayed without one', async (t) => {
  const place = await makePlace(t);
  const epoch = mintEpoch(STARTED_MS, 1);
  const unreadable = readFileSync(join(root, 'spec/vectors/header-bad-wire-type.bin'));
  const base = { stream: 'alice', epoch, captureUs: 0 };
  const frames = [
    encodeFrame({ ...base, sequence: 0, kind: Kind.HEADER, payload: unreadable }),
    encodeFrame({ ...base, sequence: 1, kind: Kind.EVENT, payload: new Uint8Array() }),
  ];
  const value = batchValue('alice', epoch, frames, STARTED_MS);
  await archiveUntil(await writeLog(place.directory, [{ stream: 'alice', appendTimeMs: STARTED_MS, value }]), place);
  const { reader } = openArchive(place);
  const name = { stream: 'alice', epoch: epochText(epoch) };
  assert.equal(await reader.header(name), undefined);
  assert.equal((await reader.frames(name, { fromMs: 0, toMs: 1_000 })).length, 2);
});
