// The writer of one partition's files. One failure at a chosen place causes states that tests of
// the whole log rarely reach.
import assert from 'node:assert/strict';
import { open, readdir, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { recordBytes } from './record.ts';
import { recoverExtent } from './recovery.ts';
import { type Extent, segmentPath } from './segment.ts';
import { type Incoming, type OpenFile, SegmentWriter } from './segment-writer.ts';

const entryOf = (valueBytes: number): Incoming => ({
  key: new Uint8Array(),
  value: new Uint8Array(valueBytes),
  bytes: recordBytes(0, valueBytes),
});

async function emptyExtent(t: TestContext): Promise<Extent> {
  const directory = tempDir(t);
  const path = segmentPath(directory, 0);
  await writeFile(path, '');
  return { directory, checksumSeed: 1, segments: [{ firstOffset: 0, path, bytes: 0, lastWriteMs: 0 }], nextOffset: 0, lastAppendTimeMs: 0 };
}

/** Opens real files. After `arm`, the next call of `method` on one of them fails. */
function failOnce(method: 'sync' | 'datasync'): { openFile: OpenFile; arm: (before?: () => Promise<void>) => void } {
  let armed: (() => Promise<void>) | undefined;
  return {
    arm: (before = async () => undefined) => {
      armed = before;
    },
    openFile: async (path, flags) => {
      const handle = await open(path, flags);
      const original = handle[method];
      return Object.assign(handle, {
        [method]: async () => {
          if (armed === undefined) return original.call(handle);
          const before = armed;
          armed = undefined;
          await before();
          throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
        },
      });
    },
  };
}

test('a new file whose creation failed is completed before any other write', async (t) => {
  const extent = await emptyExtent(t);
  const disk = failOnce('sync');
  const writer = new SegmentWriter(extent, 250, disk.openFile);
  await writer.write([entryOf(150)], 1);
  disk.arm();
  await assert.rejects(writer.write([entryOf(150)], 2), { code: 'EIO' });
  assert.deepEqual([extent.nextOffset, extent.segments.length], [1, 1]);
  // This entry would fit into the first file, and then the second file's name would be wrong.
  await writer.write([entryOf(1)], 3);
  await writer.write([entryOf(150)], 4);
  await writer.write([entryOf(150)], 5);
  await writer.close();
  assert.deepEqual(
    (await readdir(extent.directory)).sort().map((name) => Number.parseInt(name, 10)),
    [0, 1, 3],
  );
  assert.equal((await recoverExtent(extent.directory, 1, () => assert.fail('nothing to cut'))).nextOffset, 4);
  assert.deepEqual(
    extent.segments.map(({ firstOffset, bytes }) => [firstOffset, bytes]),
    [
      [0, 176],
      [1, 203],
      [3, 176],
    ],
  );
});

test('after a failed sync, no entry is written after entries that do not read back', async (t) => {
  const extent = await emptyExtent(t);
  const disk = failOnce('datasync');
  const writer = new SegmentWriter(extent, 10_000, disk.openFile);
  await writer.write([entryOf(100)], 1);
  disk.arm(async () => {
    const file = await open(extent.segments[0]?.path ?? '', 'r+');
    await file.write(Buffer.alloc(20, 1), 0, 20, 60);
    await file.close();
  });
  await assert.rejects(writer.write([entryOf(100)], 2), { code: 'EIO' });
  for (let tries = 0; tries < 2; tries++)
    await assert.rejects(writer.write([entryOf(100)], 3), { code: 'CORRUPT', message: /at byte 0: a checksum/ });
  assert.equal(extent.nextOffset, 1);
  await writer.close();
});
