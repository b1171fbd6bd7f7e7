// Opening a log with every kind of damage: an unfinished write at the end is cut, any other damage
// stops the log.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { take, text, withPartitions } from '../contract.ts';
import { openFileLog } from './open.ts';
import { encodeRecordHead } from './record.ts';
import { GROUP_BYTES_MAX, recoverExtent } from './recovery.ts';
import { segmentPath } from './segment.ts';

const SEED = 0x5eed;

/**
 * Records of the given values from offset `first` on, each a group of its own or all one group, and
 * the byte position of each.
 */
function recordsOf(first: number, values: readonly Uint8Array[], seed = SEED, isGroup = false): { bytes: Buffer; positions: number[] } {
  const positions: number[] = [];
  let bytes = Buffer.alloc(0);
  for (const [index, value] of values.entries()) {
    positions.push(bytes.length);
    const place = { offset: first + index, appendTimeMs: 1000 + index, placeInGroup: isGroup ? index : 0 };
    bytes = Buffer.concat([bytes, encodeRecordHead(place, Buffer.from('k'), value, seed), value]);
  }
  return { bytes, positions };
}

/** A partition's directory with these segment files. */
async function directoryOf(t: TestContext, files: readonly { first: number; bytes: Uint8Array }[]): Promise<string> {
  const directory = tempDir(t);
  for (const { first, bytes } of files) await writeFile(segmentPath(directory, first), bytes);
  return directory;
}

const noCut = () => assert.fail('there was nothing to cut');

test('a tail torn at any byte of the last record is cut, for any bytes in its place', async (t) => {
  const { bytes, positions } = recordsOf(7, [text('one'), text('two'), randomBytes(40)]);
  const start = positions[2] ?? 0;
  const directory = await directoryOf(t, [{ first: 7, bytes }]);
  const path = segmentPath(directory, 7);
  for (let cut = start; cut < bytes.length; cut++) {
    for (const rest of [Buffer.alloc(0), Buffer.alloc(bytes.length - cut), Buffer.alloc(5000), randomBytes(100)]) {
      await writeFile(path, Buffer.concat([bytes.subarray(0, cut), rest]));
      if (rest.length === 0 && cut === start) {
        assert.equal((await recoverExtent(directory, SEED, noCut)).nextOffset, 9);
        continue;
      }
      const cuts: unknown[] = [];
      const extent = await recoverExtent(directory, SEED, ({ file, position, bytes: cutBytes }) => cuts.push([file, position, cutBytes]));
      // A random or zero tail may by chance equal the original bytes: for a single last byte, one
      // time in 256.
      if (extent.nextOffset === 10) assert.deepEqual((await readFile(path)).subarray(0, bytes.length), bytes);
      else {
        assert.equal(extent.nextOffset, 9);
        assert.equal(extent.lastAppendTimeMs, 1001);
        assert.deepEqual(cuts, [[path, start, cut + rest.length - start]]);
        assert.deepEqual(await readFile(path), bytes.subarray(0, start));
      }
    }
  }
});

test('a log whose last write was torn continues where its durable part ends', async (t) => {
  const whole = join(tempDir(t), 'whole');
  let log = await openFileLog({ directory: whole });
  const values = Array.from({ length: 6 }, (_, index) => randomBytes(20 + index));
  for (const value of values) await log.append('k', value);
  await withPartitions(log, ([partition]) => partition.commit(3));
  await log.close();
  const size = (await stat(join(whole, 'p=000/00000000000000000000.log'))).size;
  for (const cut of [size - 1, size - 40, size - 60, size - 70]) {
    const directory = join(tempDir(t), 'torn');
    await cp(whole, directory, { recursive: true });
    await truncate(join(directory, 'p=000/00000000000000000000.log'), cut);
    const warnings: unknown[] = [];
    log = await openFileLog({ directory, logger: { warn: (...args: unknown[]) => warnings.push(args) } });
    const { offset } = await log.append('k', text('next'));
    assert.equal(offset, cut === size - 70 || cut === size - 60 ? 4 : 5);
    assert.equal(warnings.length, 1);
    await withPartitions(log, async ([partition]) => {
      const entries = await take(partition, 0, offset + 1);
      assert.deepEqual(
        entries.map(({ value }) => Buffer.from(value)),
        [...values.slice(0, offset), Buffer.from('next')],
      );
      assert.equal(await partition.committedOffset(), 3);
    });
    await log.close();
  }
});

test('damage anywhere before a sound record stops the log, and the error names file and byte', async (t) => {
  const { bytes, positions } = recordsOf(0, [text('one'), randomBytes(300), text('three'), text('four')]);
  const directory = await directoryOf(t, [{ first: 0, bytes }]);
  const path = segmentPath(directory, 0);
  const last = positions[3] ?? 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(last * 8 - 1), async (bit) => {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(path, damaged);
      const record = positions.findLast((position) => position <= bit >> 3);
      await assert.rejects(recoverExtent(directory, SEED, noCut), (error: Error) => {
        assert.ok(error.message.startsWith(`${path} at byte ${record}: `), error.message);
        return 'code' in error && error.code === 'CORRUPT';
      });
      assert.deepEqual(await readFile(path), damaged, 'nothing was changed');
    }),
    { numRuns: 300 },
  );
});

test('damage in an older file stops its readers, but not readers of later entries', async (t) => {
  const directory = tempDir(t);
  let log = await openFileLog({ directory, segmentBytesMax: 200 });
  for (let index = 0; index < 9; index++) await log.append('k', new Uint8Array(73));
  await log.close();
  const path = join(directory, 'p=000', '00000000000000000002.log');
  const bytes = await readFile(path);
  bytes[130] = 1;
  await writeFile(path, bytes);
  log = await openFileLog({ directory, segmentBytesMax: 200 });
  await withPartitions(log, async ([partition]) => {
    await take(partition, 0, 3);
    await assert.rejects(take(partition, 0, 9), {
      code: 'CORRUPT',
      message: /00000000000000000002\.log at byte 100: a checksum does not match/,
    });
    await take(partition, 4, 5);
  });
  await log.close();
});

test('a segment of any bytes is cut or refused, and no sound record is cut', async (t) => {
  const directory = await directoryOf(t, []);
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 100 }).map((bytes) => ({ bytes: Buffer.from(bytes), sound: -1 })),
    fc
      .tuple(fc.nat(4), fc.uint8Array({ maxLength: 50 }))
      .map(([offset, value]) => ({ bytes: recordsOf(offset, [value]).bytes, sound: offset })),
    fc.integer({ min: 1, max: 60 }).map((size) => ({ bytes: Buffer.alloc(size), sound: -1 })),
  );
  const outcomes = { whole: 0, cut: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (pieces) => {
      await writeFile(segmentPath(directory, 0), Buffer.concat(pieces.map(({ bytes }) => bytes)));
      const end = pieces.findIndex(({ sound }, index) => sound !== index);
      const soundBefore = end === -1 ? pieces.length : end;
      const misplaced = pieces.slice(soundBefore).some(({ sound }) => sound >= soundBefore);
      let outcome: keyof typeof outcomes = 'whole';
      try {
        const extent = await recoverExtent(directory, SEED, () => {
          outcome = 'cut';
        });
        assert.equal(extent.nextOffset, soundBefore);
        assert.equal(misplaced, false);
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'CORRUPT', String(error));
        outcome = 'refused';
        assert.ok(pieces.slice(soundBefore).some(({ sound }) => sound !== -1));
      }
      outcomes[outcome] += 1;
    }),
    { numRuns: 400 },
  );
  assert.ok(
    Object.values(outcomes).every((count) => count > 5),
    JSON.stringify(outcomes),
  );
});

test('a group that lost any of its sectors is cut from the first damaged entry on, though later ones are whole', async (t) => {
  const before = recordsOf(0, [text('one'), text('two')]).bytes;
  const { bytes, positions } = recordsOf(
    2,
    Array.from({ length: 8 }, () => randomBytes(200)),
    SEED,
    true,
  );
  const directory = await directoryOf(t, []);
  const ends = [...positions.slice(1), bytes.length];
  for (const [index, position] of positions.entries())
    for (const lost of [1, 2, 5]) {
      const damaged = Buffer.from(bytes).fill(0, position, ends[Math.min(index + lost, ends.length) - 1]);
      await writeFile(segmentPath(directory, 0), Buffer.concat([before, damaged]));
      let cut = 0;
      const extent = await recoverExtent(directory, SEED, () => {
        cut += 1;
      });
      assert.deepEqual([extent.nextOffset, cut], [2 + index, 1]);
      assert.equal((await stat(segmentPath(directory, 0))).size, before.length + position);
    }
});

test('damage in a group that another one follows stops the log: its entries were acknowledged', async (t) => {
  const values = Array.from({ length: 4 }, () => randomBytes(50));
  const group = recordsOf(0, values, SEED, true);
  const next = recordsOf(4, values, SEED, true);
  const directory = await directoryOf(t, []);
  for (const position of group.positions)
    for (const lostOfNext of [0, 1, 2]) {
      const bytes = Buffer.concat([group.bytes, next.bytes]);
      bytes.fill(0, position + 30, position + 40);
      // A sound entry of the next group is enough, wherever in it.
      bytes.fill(0, group.bytes.length, group.bytes.length + (next.positions[lostOfNext] ?? 0));
      await writeFile(segmentPath(directory, 0), bytes);
      await assert.rejects(recoverExtent(directory, SEED, noCut), { code: 'CORRUPT' });
    }
});

test('more damage than one write can leave is not a torn tail', async (t) => {
  const { bytes } = recordsOf(0, [text('one')]);
  const directory = await directoryOf(t, [{ first: 0, bytes: Buffer.concat([bytes, Buffer.alloc(3 * GROUP_BYTES_MAX)]) }]);
  await assert.rejects(recoverExtent(directory, SEED, noCut), { code: 'CORRUPT' });
});

test('a value that looks like a record does not turn a torn tail into corruption', async (t) => {
  // A broadcaster does not know the log's seed.
  const forged = recordsOf(2, [text('forged')], 12345).bytes;
  const { bytes } = recordsOf(0, [text('one'), forged]);
  const directory = await directoryOf(t, [{ first: 0, bytes: bytes.subarray(0, -1) }]);
  let cut = 0;
  const extent = await recoverExtent(directory, SEED, () => {
    cut += 1;
  });
  assert.deepEqual([extent.nextOffset, cut], [1, 1]);
});

test('a file begun just before the crash is removed, and the file before it continues', async (t) => {
  const { bytes } = recordsOf(0, [text('one'), text('two')]);
  for (const begun of [Buffer.alloc(0), Buffer.alloc(11), randomBytes(9)]) {
    const directory = await directoryOf(t, [
      { first: 0, bytes },
      { first: 2, bytes: begun },
    ]);
    const extent = await recoverExtent(directory, SEED, () => undefined);
    assert.deepEqual([extent.nextOffset, extent.lastAppendTimeMs, extent.segments.length], [2, 1001, 1]);
  }
  const withHole = await directoryOf(t, [
    { first: 0, bytes },
    { first: 3, bytes: Buffer.alloc(0) },
  ]);
  await assert.rejects(recoverExtent(withHole, SEED, noCut), { code: 'CORRUPT' });
  const damaged = await directoryOf(t, [
    { first: 0, bytes: bytes.subarray(0, -1) },
    { first: 2, bytes: Buffer.alloc(0) },
  ]);
  await assert.rejects(recoverExtent(damaged, SEED, noCut), { code: 'CORRUPT' });
});

test('a log whose creation was interrupted by a crash is created again', async (t) => {
  const directory = tempDir(t);
  await mkdir(join(directory, 'p=000'));
  await writeFile(join(directory, 'log.json.tmp'), '{"form');
  const log = await openFileLog({ directory, partitions: 2 });
  assert.equal((await log.append('k', text('v'))).offset, 0);
  await log.close();
});
