// The verifier next to processes that change the archive: archivers that write, crash and return,
// erasures, deletions by age, and compaction of hours. None of these changes is a finding, whenever
// it happens.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as giveWay } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { EndedSchema, encodeFrame, Kind, mintEpoch } from '@hayate/protocol';
import { eraseBroadcast } from '../../packages/server/src/archive/erase/erasure.ts';
import { findBroadcasts } from '../../packages/server/src/archive/erase/erasure-search.ts';
import { decodeManifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { parseManifestKey } from '../../packages/server/src/archive/layout/path.ts';
import { readRetained, writeRetained } from '../../packages/server/src/archive/layout/retained.ts';
import { type Finding, verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { deleteAged } from '../../packages/server/src/archiver/upkeep/retention.ts';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { audioPayload, batchValue, headerPayload, makeLog, STARTED_MS } from '../support/archive-broadcast.ts';
import { archiveUntil, interceptCalls, makePlace, type Place, writeLog } from '../support/archive-run.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);
const OPTIONS = { windowMs: 5_000, windowsPerCut: 2, audioHoleMs: 3_000 };
const LATER = Date.UTC(2027, 0, 1);

async function makeArchive(t: TestContext, seed: number, seconds = 100): Promise<Place & { data: string; end: number }> {
  const place = await makePlace(t);
  const end = await writeLog(place.directory, makeLog(seed, seconds, packetOf));
  await archiveUntil(end, place, OPTIONS);
  return { ...place, end, data: dirname(place.archive) };
}

async function copyOf(t: TestContext, { archive }: Place): Promise<Store> {
  const place = await makePlace(t);
  await cp(archive, place.archive, { recursive: true });
  return openFsStore({ directory: place.archive });
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function findingsOf(store: Store): Promise<Finding[]> {
  return (await verifyArchive({ store })).findings;
}

/** Returns `store`, whose call number `at` waits for `action`, and a counter of calls. */
function during(store: Store, at: number, action: () => Promise<void>): { store: Store; calls: () => number } {
  let calls = 0;
  const before = async () => {
    if (++calls === at) await action();
  };
  return { store: interceptCalls(store, before), calls: () => calls };
}

test('while an archiver writes there are no findings, at any of its steps', async (t) => {
  const place = await makePlace(t);
  const end = await writeLog(place.directory, makeLog(31, 150, packetOf));
  let isDone = false;
  const slow = interceptCalls(place.store, async () => giveWay());
  const archiving = archiveUntil(end, { ...place, store: slow }, OPTIONS).finally(() => {
    isDone = true;
  });
  const cuts = new Set<number>();
  do {
    const { findings, summary } = await verifyArchive({ store: place.store });
    assert.deepEqual(findings, []);
    cuts.add(summary.cuts);
    await giveWay();
  } while (!isDone);
  await archiving;
  const { findings, summary } = await verifyArchive({ store: place.store });
  assert.deepEqual([findings, summary.openObjects], [[], 0]);
  assert.ok(cuts.size > 1, `seen at ${[...cuts].join(', ')} cuts`);
});

test('objects of a cut that an archiver left when it crashed are open, and no finding, also if the cut begins where an earlier one ended', async (t) => {
  const place = await makeArchive(t, 32);
  let open = 0;
  for (let store = await copyOf(t, place); ; ) {
    const [newest] = (await keysOf(store, 'cuts/')).slice(-1);
    if (newest === undefined || parseManifestKey(newest)?.start === 0) break;
    const named = decodeManifest((await store.get(newest)) ?? new Uint8Array(), newest).previous?.objects ?? [];
    await store.delete(newest);
    const { findings, summary } = await verifyArchive({ store });
    assert.deepEqual(findings, []);
    assert.equal(summary.openObjects, named.length);
    open += named.length;
    // The next manifest of the loop is then the newest.
    for (const { key } of named) await store.delete(key);
  }
  assert.ok(open > 100);
});

test('a broadcaster that counted as lost and returns, even late, is not a finding', async (t) => {
  const epoch = mintEpoch(STARTED_MS, 5);
  let sequence = 0;
  const frame = (kind: number, payload: Uint8Array, position?: number) => {
    const fields = { stream: 'phone', epoch, sequence: sequence++, captureUs: sequence * 60_000, kind, payload };
    return encodeFrame(position === undefined ? fields : { ...fields, position });
  };
  const voice = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => frame(Kind.AUDIO, audioPayload([packetOf(from + i)]), (from + i) * 960));
  const lost = () => create(EndedSchema, { epoch, nextSequence: BigInt(sequence), reason: 2 });
  const first = [frame(Kind.HEADER, headerPayload()), ...voice(0, 50)];
  const batches = [
    { atMs: 0, frames: first },
    { atMs: 4_000, frames: voice(50, 60), end: lost() },
    { atMs: 6_000, frames: voice(60, 70) },
    // Frames sent again change nothing: the range stays lost.
    { atMs: 20_000, frames: [], end: lost() },
    { atMs: 21_000, frames: first },
    { atMs: 40_000, frames: voice(70, 90) },
    { atMs: 55_000, frames: voice(90, 100), end: lost() },
    { atMs: 3_000_000, frames: voice(100, 160) },
  ];
  const place = await makePlace(t);
  const entries = batches.map(({ atMs, frames, end }) => ({
    stream: 'phone',
    appendTimeMs: STARTED_MS + atMs,
    value: batchValue('phone', epoch, frames, STARTED_MS + atMs, end === undefined ? {} : { end }),
  }));
  await archiveUntil(await writeLog(place.directory, entries), place, OPTIONS);
  const { findings, summary } = await verifyArchive({ store: place.store });
  assert.deepEqual(findings, []);
  assert.equal(summary.frames, sequence);
});

test('a broadcast that is erased at any time while the verifier reads is not a finding; half an erasure is exactly one', async (t) => {
  const place = await makeArchive(t, 33);
  const found = await Promise.all(['alice', 'bob', 'carol-_9'].map((stream) => findBroadcasts(place.store, stream)));
  const [ended] = found.flat().sort((a, b) => b.frames - a.frames);
  assert.ok(ended !== undefined);
  const counting = during(place.store, -1, async () => {});
  assert.deepEqual(await findingsOf(counting.store), []);
  const total = counting.calls();
  for (let share = 0; share < 12; share++) {
    const store = await copyOf(t, place);
    const at = 1 + Math.floor((total * share) / 12);
    const erase = () => eraseBroadcast({ store, broadcast: ended, now: () => LATER });
    assert.deepEqual(await findingsOf(during(store, at, erase).store), [], `erased at call ${at} of ${total}`);
    assert.deepEqual(await findingsOf(store), []);
  }
  let writesTotal = 0;
  const writing = interceptCalls(await copyOf(t, place), (call) => {
    if (call === 'replace') writesTotal++;
  });
  await eraseBroadcast({ store: writing, broadcast: ended, now: () => LATER });
  assert.ok(writesTotal > 8, `${writesTotal} writes`);
  for (const writes of [1, 2, 4, writesTotal >> 1]) {
    const store = await copyOf(t, place);
    const stop = new AbortController();
    let replaced = 0;
    const stopping = interceptCalls(store, (call) => {
      if (call === 'replace' && ++replaced === writes) stop.abort();
    });
    await assert.rejects(eraseBroadcast({ store: stopping, broadcast: ended, now: () => LATER, signal: stop.signal }), {
      name: 'AbortError',
    });
    const unfinished = await findingsOf(store);
    assert.deepEqual(
      unfinished.map(({ rule, key }) => [rule, key]),
      [['erasure', `erased/${ended.stream}/${ended.epoch}.json`]],
      `stopped at write ${writes}`,
    );
  }
});

test('compacted hours and objects deleted for their age while the verifier reads are not findings', async (t) => {
  const place = await makeArchive(t, 34);
  const keys = await keysOf(place.store, 'cuts/');
  const name = parseManifestKey(keys[0] ?? '') ?? assert.fail();
  const newestKey = keys.at(-1) ?? '';
  const newest = decodeManifest((await place.store.get(newestKey)) ?? new Uint8Array(), newestKey);
  const counting = during(place.store, -1, async () => {});
  await findingsOf(counting.store);
  const total = counting.calls();
  for (let share = 0; share < 12; share++) {
    const store = await copyOf(t, place);
    const action = async () => {
      const advance = async (hourly: number) => writeRetained(store, { ...(await readRetained(store, name)), hourly });
      const { hourMs, made } = await compactHours({ store, name, from: 0, advance, stepsMax: 1_000 });
      assert.equal(made, 1);
      const days = { frames: 0.0003, marks: 0.0006, audio: 0.0004, statistics: 0.0002 };
      const retained = await readRetained(store, name);
      await deleteAged({ store, name, retained, days, newest, clockMs: LATER, hourMs, cutsMax: 1_000 });
    };
    const at = 1 + Math.floor((total * share) / 12);
    assert.deepEqual(await findingsOf(during(store, at, action).store), [], `done at call ${at} of ${total}`);
    const { findings, summary } = await verifyArchive({ store });
    assert.deepEqual(findings, []);
    assert.ok(summary.objects.frames > 0);
    assert.ok((await keysOf(store, 'frames/')).length < (await keysOf(place.store, 'frames/')).length);
  }
});

test('time limits bound the objects that are read; each finding is reported at once; an abort ends the run', async (t) => {
  const place = await makeArchive(t, 35);
  const { summary: all } = await verifyArchive({ store: place.store });
  const audio = await keysOf(place.store, 'frames/');
  const [early = '', late = ''] = [audio[2], audio.at(-3)];
  const store = await copyOf(t, place);
  for (const key of [early, late]) await store.delete(key);
  const told: Finding[] = [];
  const { findings, summary } = await verifyArchive({ store, onFinding: (finding) => told.push(finding) });
  assert.deepEqual(
    findings.map(({ key }) => key),
    [early, late],
  );
  assert.deepEqual([told, summary.findings], [findings, 2]);
  const middleMs = ((all.fromMs ?? 0) + (all.toMs ?? 0)) / 2;
  for (const [limits, key] of [
    [{ toMs: middleMs }, early],
    [{ fromMs: middleMs }, late],
  ] as const) {
    const limited = await verifyArchive({ store, ...limits });
    assert.deepEqual(
      limited.findings.map((finding) => finding.key),
      [key],
    );
    assert.ok(limited.summary.cuts > 0 && limited.summary.cuts < all.cuts);
  }
  const both = await verifyArchive({ store, fromMs: middleMs, toMs: middleMs + 1 });
  assert.deepEqual([both.findings, both.summary.cuts >= 1 && both.summary.cuts <= 2], [[], true]);
  assert.equal((await verifyArchive({ store, fromMs: 0, toMs: 1 })).summary.cuts <= 1, true);
  const abort = new AbortController();
  const aborted = verifyArchive({ store, signal: abort.signal, onProgress: () => abort.abort() });
  await assert.rejects(aborted, { name: 'AbortError' });
});

test('hayate archive verify reports its checks, and exits with 1 if there is a finding', async (t) => {
  const { data, store, archive } = await makeArchive(t, 36);
  const verify = async (...args: string[]) => {
    const [stdout, stderr]: [string[], string[]] = [[], []];
    const io = {
      stdout: { write: (text: string | Uint8Array) => stdout.push(String(text)) },
      stderr: { write: (text: string | Uint8Array) => stderr.push(String(text)) },
      env: {},
      interrupted: new AbortController().signal,
    };
    const code = await dispatch(['archive', 'verify', '--data', data, ...args], io);
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  };
  const sound = await verify();
  assert.equal(sound.code, 0, sound.stdout + sound.stderr);
  assert.match(
    sound.stdout,
    /^1 partitions, \d+ cuts, from 2026-05-03T17:[^\n]*\nobjects: [^\n]*\n\d+ broadcasts, \d+ frames, [^\n]*\nthe archive is sound\n$/m,
  );
  const audio = await keysOf(store, 'audio/');
  for (const key of audio.slice(0, 12)) await store.delete(key);
  const damaged = await verify();
  assert.equal(damaged.code, 1);
  assert.equal(damaged.stdout.match(/^objects: audio\//gm)?.length, 10);
  assert.match(damaged.stdout, /… and 2 more/);
  const lines = (await verify('--json')).stdout.split('\n').filter((line) => line !== '');
  const parsed = lines.map((line): { finding?: Finding; summary?: { findings: number } } => JSON.parse(line));
  assert.deepEqual(parsed.flatMap(({ finding }) => (finding === undefined ? [] : [finding.key])).sort(), audio.slice(0, 12).sort());
  assert.equal(parsed.at(-1)?.summary?.findings, 12);
  const limited = await verify('--from', '2026-05-04', '--json');
  assert.equal(limited.code, 0, limited.stdout);
  assert.equal((await verify('--from', 'soon')).code, 2);
  // The log has committed a cut that the archive does not have.
  for (const key of (await keysOf(store, 'cuts/')).slice(-1)) await store.delete(key);
  assert.match((await verify('--json')).stdout, /"rule":"committed","key":"cuts\//);
  assert.match((await verify('--without-log', '--json')).stdout, /"openObjects":[1-9]/);
  assert.ok(archive.startsWith(data));
});
