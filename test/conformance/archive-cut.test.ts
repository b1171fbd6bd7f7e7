// The archiver against itself: whatever happens while a log is read, whoever reads it, the objects are the same.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { AVRO_CODECS } from '../../packages/server/src/format/avro/index.ts';
import { type AppendedBatch, makeLog, seededNumbers, tickValue } from './archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, readObjects, writeLog } from './archive-run.ts';

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

test('a log read at once and with deaths at any write gives the same objects, byte for byte', async (t) => {
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

test('zombies with other flags that write to the same store at the same time agree on every object', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 0x7fffffff }), async (seed) => {
      const random = seededNumbers(seed);
      const first = await makePlace(t);
      const end = await writeLog(first.directory, withTicks(makeLog(seed, 60, packetOf), random));
      const zombies = [await copyOfLog(t, first), await copyOfLog(t, first)].map((place) => ({ ...place, store: first.store }));
      const flags = () => ({
        cutBytes: 60_000 + random(200_000),
        windowsPerCut: 1 + random(6),
        avroCodec: AVRO_CODECS[random(3)] ?? assert.fail(),
      });
      const options = [flags(), flags(), flags()];
      // Cuts end where the first manifest of each says; a tick ends the last for all.
      await Promise.all([first, ...zombies].map((place, i) => archiveUntil(end, place, options[i], () => random(40) === 0)));
      t.diagnostic(`seed ${seed}: ${end} entries, ${(await readObjects(first.store)).size} objects`);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});
