// The archiver against itself: the objects are the same whatever happens while a log is read, and
// whichever archiver reads it.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { parseAudioKey } from '../../packages/server/src/archive/layout/path.ts';
import { decodeFrames } from '../../packages/server/src/archive/read/frame-reader.ts';
import { AVRO_CODECS } from '../../packages/server/src/format/avro/index.ts';
import { isConcealment, readOggOpus, tagValue } from '../../packages/server/src/format/ogg/index.ts';
import { type AppendedBatch, makeLog, seededNumbers, tickValue } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, readObjects, writeLog } from '../support/archive-run.ts';
import { objectsUpTo, plainRun, runFaultyArchiver, Turns } from './faulty-archiver.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/** A log with ticks among its batches. */
function* withTicks(batches: readonly AppendedBatch[], random: (below: number) => number): Iterable<AppendedBatch> {
  for (const batch of batches) {
    yield batch;
    if (random(40) === 0) yield { ...batch, stream: '', frames: [], value: tickValue(random(3) === 0) };
  }
}

async function assertEqualObjects(actual: Place, expected: Place): Promise<number> {
  const wanted = await readObjects(expected.store);
  const found = await readObjects(actual.store);
  assert.deepEqual([...found.keys()], [...wanted.keys()]);
  for (const [key, bytes] of wanted) assert.deepEqual(found.get(key), bytes, key);
  return wanted.size;
}

async function copyOfLog(t: TestContext, original: Place): Promise<Place> {
  const place = await makePlace(t);
  await cp(original.directory, place.directory, { recursive: true });
  return place;
}

test('a log read in one run and a log read with crashes at any write give the same objects, byte for byte', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 0x7fffffff }), async (seed) => {
      const random = seededNumbers(seed);
      const options = { cutBytes: 60_000 + random(400_000), windowsPerCut: 1 + random(6), windowMs: 5_000 + 5_000 * random(2) };
      const reference = await makePlace(t);
      const end = await writeLog(reference.directory, withTicks(makeLog(seed, 100, packetOf), random));
      const tried = await copyOfLog(t, reference);
      await archiveUntil(end, reference, options);
      const lives = await archiveUntil(end, tried, options, () => random(25) === 0);
      const objects = await assertEqualObjects(tried, reference);
      t.diagnostic(`seed ${seed}: ${end} entries, ${objects} objects, ${lives} lives`);
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('archivers that pause between any two steps, crash, and restart with other flags leave the objects of a plain run, byte for byte', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 0x7fffffff }), async (seed) => {
      const random = seededNumbers(seed);
      const first = await makePlace(t);
      const end = await writeLog(first.directory, withTicks(makeLog(seed, 60, packetOf), random));
      const places = [first];
      while (places.length < 2 + (seed % 2)) places.push({ ...(await copyOfLog(t, first)), store: first.store });
      const options = () => ({
        windowMs: [2_000, 5_000, 10_000][random(3)] ?? 0,
        windowsPerCut: 1 + random(6),
        cutBytes: 60_000 + random(200_000),
        avroCodec: AVRO_CODECS[random(3)] ?? assert.fail(),
        prerollMs: 20 * random(8),
        audioHoleMs: 1_000 * random(12),
        segmentsPerTrackMax: 1 + random(64),
        // Either so little that a partition must be elected, or plenty.
        memoryBytes: random(2) === 0 ? 1 : 2 ** 28,
      });
      const turns = new Turns(random);
      const fate = { turns, random, deathsIn: 150, failuresIn: 120, options };
      const lives = await Promise.all(places.map((place) => runFaultyArchiver(end, place, fate)));
      const wanted = await plainRun(end, first);
      const found = objectsUpTo(end, await readObjects(first.store));
      assert.deepEqual([...found.keys()], [...wanted.keys()]);
      for (const [key, bytes] of wanted) assert.ok(Buffer.compare(found.get(key) ?? assert.fail(), bytes) === 0, key);
      t.diagnostic(`seed ${seed}: ${end} entries, ${wanted.size} objects, lives ${lives.join(', ')}`);
    }),
    { numRuns: 4, endOnFailure: true },
  );
});

test('ticks of idle members change no frame and no packet, only the ends of objects', async (t) => {
  const random = seededNumbers(99);
  const batches = makeLog(99, 60, packetOf);
  const contents = [];
  for (const entries of [batches, withTicks(batches, random)]) {
    const place = await makePlace(t);
    await archiveUntil(await writeLog(place.directory, entries), place);
    contents.push(await contentOf(place));
  }
  assert.ok((contents[0]?.frames.length ?? 0) > 1_000 && (contents[0]?.packets.length ?? 0) > 1_000);
  assert.deepEqual(contents[1], contents[0]);
});

/**
 * Every frame, and every packet of the voices at its position, without the packets of pre-rolls and
 * concealment.
 */
async function contentOf({ store }: Place): Promise<{ frames: string[]; packets: string[] }> {
  const frames: string[] = [];
  const packets: string[] = [];
  for (const [key, bytes] of await readObjects(store)) {
    if (key.startsWith('frames/'))
      for (const row of decodeFrames(key, bytes)) frames.push(`${row.stream} ${row.epoch} ${row.frame.toString('hex')}`);
    const name = parseAudioKey(key);
    if (name === undefined) continue;
    const [link] = readOggOpus(bytes);
    if (link === undefined) assert.fail(key);
    let position = name.position - Number(tagValue(link.tags, 'HAYATE_PREROLL_SAMPLES'));
    for (const { data, samples } of link.packets) {
      const heard = position >= name.position && !isConcealment(data);
      if (heard) packets.push(`${name.stream} ${name.epoch} ${name.participant} ${position} ${Buffer.from(data).toString('hex')}`);
      position += samples;
    }
  }
  return { frames: frames.sort(), packets: packets.sort() };
}
