// The verifier against real archives: a sound one has no findings. Each kind of damage is found by
// the rule that it breaks.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { eraseBroadcast } from '../../packages/server/src/archive/erase/erasure.ts';
import { findBroadcasts } from '../../packages/server/src/archive/erase/erasure-search.ts';
import { requestErasure } from '../../packages/server/src/archive/layout/erasure-record.ts';
import type { EpochState } from '../../packages/server/src/archive/layout/manifest.ts';
import { erasedKey, parseManifestKey, retainedKey } from '../../packages/server/src/archive/layout/path.ts';
import { readRetained, writeRetained } from '../../packages/server/src/archive/layout/retained.ts';
import { decodeFrames } from '../../packages/server/src/archive/read/frame-reader.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { MARK_TABLE } from '../../packages/server/src/archive/row/mark-row.ts';
import { STATISTICS_TABLE } from '../../packages/server/src/archive/row/statistics-row.ts';
import { type Finding, type Rule, verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { deleteAged } from '../../packages/server/src/archiver/upkeep/retention.ts';
import { readAvro } from '../../packages/server/src/format/avro/index.ts';
import { oggPageCrc } from '../../packages/server/src/format/ogg/crc.ts';
import { readParquetMetadata, writeParquet } from '../../packages/server/src/format/parquet/index.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { makeLog } from '../support/archive-broadcast.ts';
import { archiveUntil, writeLog } from '../support/archive-run.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Damage } from './archive-damage.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);
const OPTIONS = { windowsPerCut: 2, audioHoleMs: 3_000 };

let root = '';
let end = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hayate-verify-'));
  end = await writeLog(join(root, 'log'), makeLog(20_201, 90, packetOf));
  const store = await openFsStore({ directory: join(root, 'archive') });
  await archiveUntil(end, { directory: join(root, 'log'), store }, OPTIONS);
});
after(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the archive, to damage. */
async function copy(t: TestContext): Promise<Damage> {
  const directory = join(tempDir(t), 'archive');
  await cp(join(root, 'archive'), directory, { recursive: true });
  return new Damage(await openFsStore({ directory }));
}

async function findings(damage: Damage): Promise<Finding[]> {
  return (await verifyArchive({ store: damage.store })).findings;
}

for (const seed of [1, 777_777])
  test(`a sound archive has no findings, and the summary counts it exactly (seed ${seed})`, async (t) => {
    const directory = tempDir(t);
    const batches = makeLog(seed, 90, packetOf);
    const store = await openFsStore({ directory: join(directory, 'archive') });
    await archiveUntil(await writeLog(join(directory, 'log'), batches), { directory: join(directory, 'log'), store }, OPTIONS);
    const progress: number[] = [];
    const { findings: found, summary } = await verifyArchive({
      store,
      onProgress: ({ cuts, cutsTotal }) => progress.push(cuts / cutsTotal),
    });
    assert.deepEqual(found, []);
    const sequences = new Set(
      batches.flatMap(({ stream, epoch, frames }) => frames.map(({ sequence }) => `${stream}/${epoch}/${sequence}`)),
    );
    assert.equal(summary.frames, sequences.size);
    assert.equal(summary.broadcasts, new Set(batches.map(({ stream, epoch }) => `${stream}/${epoch}`)).size);
    assert.equal(progress.at(-1), 1);
    assert.equal(progress.length, summary.cuts);
  });

test('a committed offset without its manifest is a finding', async (t) => {
  const { store } = await copy(t);
  const log = (await new Damage(store).keys('cuts/'))[0]?.split('/')[1] ?? '';
  assert.deepEqual((await verifyArchive({ store, committed: { log, partitions: [end] } })).findings, []);
  const beyond = await verifyArchive({ store, committed: { log, partitions: [end + 1] } });
  assert.deepEqual(
    beyond.findings.map(({ rule }) => rule),
    ['committed'],
  );
});

/** False statements of a manifest about a broadcast that continues. */
const FORGERIES: readonly (readonly [what: string, change: (epoch: EpochState) => EpochState])[] = [
  ['that it has ended', (epoch) => ({ ...epoch, ended: !epoch.ended })],
  ['another dropped range', (epoch) => ({ ...epoch, dropped: [...epoch.dropped, [800_000, 800_005]] })],
  ['another last window', (epoch) => ({ ...epoch, windowStartMs: epoch.windowStartMs - 10_000 })],
  ['another origin', (epoch) => ({ ...epoch, header: epoch.header && { ...epoch.header, originUnixUs: 1 } })],
  ['another title', (epoch) => ({ ...epoch, header: epoch.header && { ...epoch.header, title: 'No' } })],
  [
    'voices at other positions',
    (epoch) => ({ ...epoch, tracks: epoch.tracks.map((track) => ({ ...track, position: track.position + 960 })) }),
  ],
  ['other pre-roll', (epoch) => ({ ...epoch, tracks: epoch.tracks.map((track) => ({ ...track, preroll: track.preroll.slice(1) })) })],
  ['a voice that does not exist', (epoch) => ({ ...epoch, tracks: [...epoch.tracks, { participant: 9, position: 960, preroll: [] }] })],
];

/** Damages, and the rule that must find each. `alone`: no other rule may find it. */
const damages: { what: string; rule: Rule; alone?: boolean; damage: (archive: Damage) => Promise<unknown> }[] = [
  { what: 'a frames object is gone', rule: 'objects', damage: async (a) => a.store.delete(await a.middle('frames/')) },
  { what: 'an audio object is gone', rule: 'objects', damage: async (a) => a.store.delete(await a.middle('audio/')) },
  {
    what: 'two audio objects are swapped',
    rule: 'content',
    damage: async (a) => {
      const [one = '', other = ''] = await a.keys('audio/alice/');
      const [first, second] = [await a.get(one), await a.get(other)];
      await a.store.replace(one, second);
      await a.store.replace(other, first);
    },
  },
  {
    what: 'a manifest in the middle is gone',
    rule: 'manifests',
    damage: async (a) => a.store.delete(await a.middle('cuts/')),
  },
  {
    what: 'the oldest manifest is gone',
    rule: 'manifests',
    damage: async (a) => a.store.delete((await a.keys('cuts/'))[0] ?? ''),
  },
  {
    what: 'a manifest forgets an object',
    rule: 'unnamed objects',
    damage: async (a) =>
      a.changeManifest(await a.middle('cuts/'), (manifest) => {
        manifest.previous?.objects.splice(
          manifest.previous.objects.findIndex(({ key }) => key.startsWith('audio/')),
          1,
        );
        return manifest;
      }),
  },
  {
    what: 'an object lies in an old hour that no manifest names',
    rule: 'unnamed objects',
    alone: true,
    damage: async (a) => {
      const key = await a.middle('frames/');
      await a.store.putIfAbsent(key.replace(/\d{20}-/, '00000000000000000001-'), await a.get(key));
    },
  },
  {
    what: 'an audio object lies where no manifest names one',
    rule: 'unnamed objects',
    alone: true,
    damage: async (a) => {
      const key = await a.middle('audio/bob/', (candidate) => !candidate.includes('late'));
      await a.store.putIfAbsent(key.replace(/\d{20}-\d{20}/, '00000000000000000000-00000000000000000001'), await a.get(key));
    },
  },
  {
    what: 'a frame is missing',
    rule: 'state',
    damage: async (a) => a.changeFrames(await a.middle('frames/'), (rows) => rows.toSpliced(5, 1)),
  },
  {
    what: 'a frame occurs twice',
    rule: 'exactly once',
    damage: async (a) => a.changeFrames(await a.middle('frames/'), (rows) => rows.toSpliced(5, 0, rows[5] ?? assert.fail())),
  },
  {
    what: 'rows of a broadcast are out of order',
    rule: 'offsets',
    damage: async (a) =>
      a.changeFrames(await a.middle('frames/'), (rows) => {
        const [first, second] = rows;
        assert.ok(first !== undefined && second !== undefined && first.stream === second.stream);
        return [second, first, ...rows.slice(2)];
      }),
  },
  {
    what: 'a row lies outside of its object',
    rule: 'offsets',
    damage: async (a) => a.changeFrames(await a.middle('frames/'), (rows) => rows.map((row, i) => (i === 0 ? { ...row, offset: 0 } : row))),
  },
  {
    what: 'a manifest claims to cover more than exists',
    rule: 'offsets',
    damage: async (a) =>
      a.changeManifest(await a.middle('cuts/'), (manifest) => {
        manifest.state.covered.frames += 1;
        return manifest;
      }),
  },
  {
    what: 'a manifest remembers other sequences',
    rule: 'state',
    damage: async (a) =>
      a.changeManifest((await a.keys('cuts/')).at(-1) ?? '', (manifest) => {
        manifest.state.epochs.at(-1)?.seen.push([900_000, 900_001]);
        return manifest;
      }),
  },
  {
    what: 'a manifest forgets a broadcast',
    rule: 'state',
    damage: async (a) =>
      a.changeManifest((await a.keys('cuts/')).at(-1) ?? '', (manifest) => {
        manifest.state.epochs.pop();
        return manifest;
      }),
  },
  ...(['audio_frames', 'gap_frames', 'late_frames', 'motion_bytes', 'audio_packets', 'level_frames', 'dropped_frames'] as const).map(
    (column) => ({
      what: `statistics have a wrong ${column}`,
      rule: 'statistics' as const,
      alone: true,
      damage: async (a: Damage) =>
        a.changeStatistics(await a.middle('statistics/'), (rows) =>
          rows.map((row, i) => (i === 1 ? { ...row, [column]: row[column] + 1 } : row)),
        ),
    }),
  ),
  {
    what: 'statistics have a wrong title, level and delay',
    rule: 'statistics',
    alone: true,
    damage: async (a) =>
      a.changeStatistics(await a.middle('statistics/'), (rows) =>
        rows.map((row) => ({ ...row, title: 'No', levels: '[]', delay_max_ms: 1 })),
      ),
  },
  {
    what: 'a row of statistics is missing',
    rule: 'statistics',
    damage: async (a) => a.changeStatistics(await a.middle('statistics/'), (rows) => rows.slice(1)),
  },
  {
    what: 'a packet of voice is replaced',
    rule: 'audio',
    damage: async (a) =>
      a.changeAudio(await a.middle('audio/alice/'), (link) => {
        link.packets[link.packets.length - 1] = Uint8Array.of(0x78, 1, 2, 3);
      }),
  },
  {
    what: 'a segment has another serial number',
    rule: 'audio',
    alone: true,
    damage: async (a) =>
      a.changeAudio(await a.middle('audio/alice/'), (link) => {
        link.serial = (link.serial + 1) % 2 ** 32;
      }),
  },
  {
    what: 'a segment hides more than its pre-roll',
    rule: 'audio',
    alone: true,
    damage: async (a) =>
      a.changeAudio(await a.middle('audio/alice/', (key) => !key.includes('late')), (link) => {
        link.preSkip += 960;
      }),
  },
  ...(
    ['HAYATE_START_UNIX_US', 'HAYATE_GAP_SAMPLES', 'HAYATE_LAST_SEQUENCE', 'HAYATE_CONCEALED_SAMPLES', 'HAYATE_PARTICIPANT'] as const
  ).map((tag) => ({
    what: `a segment's ${tag} is wrong`,
    rule: 'audio' as const,
    alone: true,
    damage: async (a: Damage) =>
      a.changeAudio(await a.middle('audio/alice/', (key) => !key.includes('late')), (link) => {
        link.tags = link.tags.map(([name, value]) => [name, name === tag ? String(Number(value) + 1) : value]);
      }),
  })),
  {
    what: "a frame's columns do not match the frame",
    rule: 'content',
    damage: async (a) =>
      a.changeFrames(await a.middle('frames/'), (rows) =>
        rows.map((row, i) => (i === 3 ? { ...row, capture_us: row.capture_us + 1 } : row)),
      ),
  },
  {
    what: 'a frames object is in the wrong hour',
    rule: 'offsets',
    alone: true,
    damage: async (a) => {
      const key = await a.middle('frames/', (candidate) => candidate.includes('hour=17'));
      await a.move(key, key.replace('hour=17', 'hour=16'));
    },
  },
  {
    what: 'statistics have a wrong window',
    rule: 'statistics',
    damage: async (a) =>
      a.changeStatistics(await a.middle('statistics/'), (rows) => rows.map((row) => ({ ...row, window_start: row.window_start - 3_000 }))),
  },
  {
    what: 'statistics have batches that their window cannot hold',
    rule: 'statistics',
    alone: true,
    damage: async (a) =>
      a.changeStatistics(await a.middle('statistics/'), (rows) =>
        rows.map((row, i) => (i === 0 ? { ...row, last_append_time: row.last_append_time + 60_000 } : row)),
      ),
  },
  {
    what: 'statistics have wrong labels',
    rule: 'statistics',
    alone: true,
    damage: async (a) =>
      a.changeStatistics(await a.middle('statistics/'), (rows) => rows.map((row) => ({ ...row, labels: '{"room":"other"}' }))),
  },
  ...FORGERIES.map(([what, change]) => ({
    what: `the newest manifest remembers of a broadcast ${what}`,
    rule: 'state' as const,
    alone: true,
    damage: async (a: Damage) => {
      const newest = (await a.keys('cuts/')).at(-1) ?? '';
      const before = (await a.keys('cuts/')).at(-2) ?? '';
      const { windowStartMs } = (await a.manifest(before)).state;
      // A broadcast that continues in the last cut.
      await a.changeEpoch(newest, change, (epoch) => epoch.windowStartMs > windowStartMs && !epoch.ended && epoch.tracks.length > 0);
    },
  })),
  {
    what: 'a manifest changes a broadcast without new batches',
    rule: 'state',
    alone: true,
    damage: async (a) => {
      const newest = (await a.keys('cuts/')).at(-1) ?? '';
      const before = (await a.keys('cuts/')).at(-2) ?? '';
      const { windowStartMs } = (await a.manifest(before)).state;
      await a.changeEpoch(
        newest,
        (epoch) => ({ ...epoch, seen: [...epoch.seen, [700_000, 700_000]] }),
        (epoch) => epoch.windowStartMs < windowStartMs,
      );
    },
  },
  {
    what: 'a manifest remembers a broadcast that never existed',
    rule: 'state',
    alone: true,
    damage: async (a) =>
      a.changeManifest((await a.keys('cuts/')).at(-1) ?? '', (manifest) => {
        const [first] = manifest.state.epochs;
        assert.ok(first !== undefined);
        manifest.state.epochs.push({ ...first, stream: 'zoe' });
        return manifest;
      }),
  },
  {
    what: 'a cut is longer than its configuration allows',
    rule: 'manifests',
    alone: true,
    damage: async (a) => {
      for (const key of await a.keys('cuts/'))
        await a.changeManifest(key, (manifest) => ({ ...manifest, config: { ...manifest.config, windowsPerCut: 1 } }));
    },
  },
  {
    what: 'a received packet of voice is concealed consistently',
    rule: 'audio',
    damage: async (a) =>
      a.changeAudio(await a.middle('audio/alice/', (key) => !key.includes('late')), (link) => {
        const at = link.packets.length - 2;
        assert.ok((link.packets[at]?.length ?? 0) > 1);
        link.packets[at] = Uint8Array.of(0x78);
        link.tags = link.tags.map(([name, value]) => [name, name === 'HAYATE_CONCEALED_SAMPLES' ? String(Number(value) + 960) : value]);
      }),
  },
  ...(['TITLE', 'DATE', 'HAYATE_CLOCK', 'HAYATE_CLOCK_UNCERTAINTY_US'] as const).map((tag) => ({
    what: `a segment's ${tag} is wrong`,
    rule: 'audio' as const,
    alone: true,
    damage: async (a: Damage) =>
      a.changeAudio(await a.middle('audio/alice/', (key) => !key.includes('late')), (link) => {
        link.tags = link.tags.map(([name, value]) => [name, name === tag ? `${value}0` : value]);
      }),
  })),
  {
    what: 'a segment has an additional tag',
    rule: 'audio',
    alone: true,
    damage: async (a) =>
      a.changeAudio(await a.middle('audio/alice/'), (link) => {
        link.tags.push(['COMMENT', 'hello']);
      }),
  },
  {
    what: 'a page of voice has a wrong granule position with a matching checksum',
    rule: 'content',
    alone: true,
    damage: async (a) => {
      const key = await a.middle('audio/alice/');
      const bytes = Buffer.from(await a.get(key));
      const page = bytes.lastIndexOf('OggS');
      bytes.writeUInt32LE(bytes.readUInt32LE(page + 6) + 960, page + 6);
      bytes.writeUInt32LE(0, page + 22);
      bytes.writeUInt32LE(oggPageCrc(bytes, page), page + 22);
      await a.store.replace(key, bytes);
    },
  },
  {
    what: 'an hourly file exists for an hour without statistics',
    rule: 'unnamed objects',
    alone: true,
    damage: async (a) => {
      const key = await a.middle('statistics/');
      await a.store.putIfAbsent(key.replace('statistics/', 'hourly/').replace(/hour=\d\d/, 'hour=03'), await a.get(key));
    },
  },
  {
    what: 'the archive holds an object with an invalid key',
    rule: 'unnamed objects',
    alone: true,
    damage: async (a) => {
      for (const folder of ['frames', 'audio', 'cuts', 'hourly']) await a.store.putIfAbsent(`${folder}/notes.txt`, Buffer.from('x'));
    },
  },
  {
    what: 'an object that was deleted for its age still exists',
    rule: 'objects',
    alone: true,
    damage: async (a) => {
      const name = parseManifestKey((await a.keys('cuts/')).at(-1) ?? '') ?? assert.fail();
      const retained = await readRetained(a.store, name);
      await writeRetained(a.store, { ...retained, marks: 60, deleted: { ...retained.deleted, marks: 60 } });
    },
  },
  {
    what: 'a retention record is damaged',
    rule: 'manifests',
    alone: true,
    damage: async (a) => {
      const name = parseManifestKey((await a.keys('cuts/')).at(-1) ?? '') ?? assert.fail();
      await a.store.replace(retainedKey(name), Buffer.from('{"format":'));
    },
  },
  {
    what: 'a record of an erasure is damaged',
    rule: 'erasure',
    alone: true,
    damage: async (a) => {
      const [, stream = '', epoch = ''] = (await a.middle('audio/')).split('/');
      await a.store.replace(erasedKey({ stream, epoch }), Buffer.from('{}'));
    },
  },
  {
    what: 'an erasure is unfinished',
    rule: 'erasure',
    alone: true,
    damage: async (a) => {
      const [, stream = '', epoch = ''] = (await a.middle('audio/')).split('/');
      await requestErasure(a.store, { stream, epoch }, 1);
    },
  },
];

for (const { what, rule, alone = false, damage } of damages)
  test(`a finding is reported when ${what}`, async (t) => {
    const archive = await copy(t);
    await damage(archive);
    const rules = new Set((await findings(archive)).map((finding) => finding.rule));
    assert.ok(rules.has(rule), `found by ${[...rules].join(', ') || 'nobody'}`);
    if (alone) assert.deepEqual([...rules], [rule]);
  });

test('compaction, deletion for age and erasure leave an archive sound; changes that they would not make are found', async (t) => {
  const archive = await copy(t);
  const { store } = archive;
  const manifests = await archive.keys('cuts/');
  const name = parseManifestKey(manifests[0] ?? '') ?? assert.fail();
  const made = await compactHours({ store, name, from: 0, advance: async () => undefined, stepsMax: 1_000 });
  assert.ok(made.made > 0);
  assert.deepEqual(await findings(archive), []);

  const hourly = (await archive.keys('hourly/'))[0] ?? '';
  const sound = await archive.get(hourly);
  const own = Object.entries(readParquetMetadata(sound)).filter(([key]) => !['hayate.digest', 'hayate.sha256'].includes(key));
  const rows = await decodeStatistics(hourly, sound);
  await store.replace(hourly, (await writeParquet(STATISTICS_TABLE, rows.slice(1), Object.fromEntries(own))).bytes);
  assert.deepEqual(
    (await findings(archive)).map(({ rule }) => rule),
    ['hourly'],
  );
  await store.delete(hourly);
  assert.deepEqual(await findings(archive), []);
  const retained = await readRetained(store, name);
  await writeRetained(store, { ...retained, hourly: parseManifestKey(manifests.at(-1) ?? '')?.start ?? 0 });
  assert.deepEqual(
    (await findings(archive)).map(({ rule }) => rule),
    ['hourly'],
  );
  await writeRetained(store, retained);
  await store.replace(hourly, sound);

  const [ended] = (await findBroadcasts(store, 'bob')).filter((broadcast) => broadcast.ended);
  assert.ok(ended !== undefined);
  const before = new Map(await Promise.all((await archive.keys('audio/bob/')).map(async (key) => [key, await archive.get(key)] as const)));
  await eraseBroadcast({ store, broadcast: ended, now: () => Date.UTC(2027, 0, 1) });
  assert.deepEqual(await findings(archive), []);
  const [brought, voice] = [...before].find(([key]) => key.includes(ended.epoch)) ?? assert.fail();
  const gone = await archive.get(brought);
  await store.replace(brought, voice);
  assert.deepEqual(
    (await findings(archive)).map(({ rule }) => rule),
    ['erasure'],
  );
  await store.replace(brought, gone);

  const days = { frames: 0.0005, marks: 0.0005, audio: 0.0005, statistics: 0 };
  const newest = await archive.manifest(manifests.at(-1) ?? '');
  const framesBefore = (await archive.keys('frames/')).length;
  const nothingStays = { newest, clockMs: Date.UTC(2027, 0, 1), hourMs: made.hourMs, cutsMax: 1_000 };
  await deleteAged({ store, name, retained, days, ...nothingStays });
  const { findings: found, summary } = await verifyArchive({ store });
  assert.deepEqual(found, []);
  assert.ok(summary.objects.frames < framesBefore, `${summary.objects.frames} of ${framesBefore} frames objects are left`);
});

/** The whole content of an object, however it is compressed. */
async function contentOf(key: string, bytes: Uint8Array): Promise<unknown> {
  if (key.endsWith('.parquet')) return decodeStatistics(key, bytes);
  if (key.startsWith('frames/')) return decodeFrames(key, bytes);
  if (key.startsWith('marks/')) return readAvro(MARK_TABLE, bytes);
  return Buffer.from(bytes);
}

test("a changed byte anywhere is found, unless the object's content stays the same", async (t) => {
  const archive = await copy(t);
  const keys = (await archive.keys('')).filter((key) => !key.startsWith('retained/'));
  let found = 0;
  const runs = 30;
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (which, where, change) => {
      const key = keys[which % keys.length] ?? '';
      const sound = await archive.get(key);
      const damaged = Uint8Array.from(sound);
      damaged[where % damaged.length] = (damaged[where % damaged.length] ?? 0) ^ change;
      await archive.store.replace(key, damaged);
      if ((await findings(archive)).length > 0) found++;
      // The last bits of compressed data may be meaningless.
      else assert.deepEqual(await contentOf(key, damaged), await contentOf(key, sound), `${key} byte ${where % damaged.length}`);
      await archive.store.replace(key, sound);
    }),
    { numRuns: runs },
  );
  assert.ok(found > runs * 0.9, `${found} of ${runs}`);
});
