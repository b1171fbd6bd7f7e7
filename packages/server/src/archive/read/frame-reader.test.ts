import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { AvroBlocks, packAvroSections } from '../../format/avro/index.ts';
import { openFsStore } from '../../store/fs/open.ts';
import type { Store } from '../../store/store.ts';
import { FRAME_TABLE, type FrameRow } from '../row/frame-row.ts';
import { decodeFrames, FrameReader } from './frame-reader.ts';

const KEY = 'frames/log/dt=2026-05-03/hour=17/p=000/00000000000000000000-00000000000000000009.avro';

function rowOf(stream: string, epoch: string, sequence: number, bytes: number): FrameRow {
  return {
    log: 'log',
    partition: 0,
    offset: sequence,
    index: 0,
    append_time: 1_777_777_777_777,
    stream,
    epoch,
    generation: 1,
    incarnation: '00000000feedfeed',
    labels: { room: 'test' },
    received_time: 1_777_777_777_777_000,
    sequence,
    capture_us: sequence * 20_000,
    kind: 3,
    flags: 1,
    participant: 0,
    position: 0,
    key_sequence: 0,
    payload_offset: 0,
    payload_length: bytes,
    frame: Buffer.alloc(bytes, sequence),
  };
}

/** Encodes an object with `counts[i]` rows of each broadcast `i`. */
async function encode(counts: readonly number[], rowBytes: number, codec: 'null' | 'deflate' = 'deflate') {
  const broadcasts = counts.map((count, i) => {
    const [stream, epoch] = [`stream-${String(i).padStart(4, '0')}`, `000000000000000${i % 10}`];
    return { stream, epoch, rows: Array.from({ length: count }, (_, n) => rowOf(stream, epoch, n, rowBytes)) };
  });
  const sections = broadcasts.map(({ stream, epoch, rows }) => {
    const blocks = new AvroBlocks();
    for (const row of rows) blocks.append(FRAME_TABLE, row);
    return { name: [stream, epoch], blocks: blocks.finish() };
  });
  const { bytes } = await packAvroSections(FRAME_TABLE, sections, { codec, metadata: { 'hayate.start': '0' } });
  return { broadcasts, bytes };
}

/** A store that counts the range requests for objects. */
function counting(store: Store): { store: Store; gets: () => number } {
  let gets = 0;
  const counted: Store = {
    putIfAbsent: (key, bytes) => store.putIfAbsent(key, bytes),
    replace: (key, bytes) => store.replace(key, bytes),
    get: (key, range) => {
      gets++;
      return store.get(key, range);
    },
    head: (key) => store.head(key),
    list: (prefix, after) => store.list(prefix, after),
    delete: (key) => store.delete(key),
    close: () => store.close(),
  };
  return { store: counted, gets: () => gets };
}

test("each broadcast's frames come with one range request, after at most two for the header", async (t) => {
  for (const [counts, opening] of [
    [[1, 700, 3], 1],
    [Array.from({ length: 900 }, (_, i) => 1 + (i % 3)), 2],
  ] as const) {
    const { store, gets } = counting(await openFsStore({ directory: tempDir(t) }));
    const { broadcasts, bytes } = await encode(counts, 300);
    await store.putIfAbsent(KEY, bytes);
    const reader = await FrameReader.open(store, KEY);
    assert.equal(gets(), opening);
    assert.deepEqual(
      reader.sections.map(({ stream, epoch, rows }) => [stream, epoch, rows]),
      broadcasts.map(({ stream, epoch, rows }) => [stream, epoch, rows.length]),
    );
    for (const { stream, epoch, rows } of broadcasts.slice(0, 5)) {
      const before = gets();
      assert.deepEqual(plain(await reader.read(reader.section(stream, epoch) ?? assert.fail())), plain(rows));
      assert.equal(gets(), before + 1);
    }
    assert.equal(reader.section('nobody', '0000000000000001'), undefined);
    assert.deepEqual(
      plain(await reader.readAll()),
      broadcasts.flatMap(({ rows }) => plain(rows)),
    );
  }
});

test('an object that was changed or cut short is refused, or reads as before', async (t) => {
  for (const codec of ['null', 'deflate'] as const) {
    const { broadcasts, bytes } = await encode([3, 40, 5], 20, codec);
    const wanted = broadcasts.map(({ rows }) => plain(rows));
    const store = await openFsStore({ directory: tempDir(t) });
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const broken = bytes.slice();
        broken[at] = (broken[at] ?? 0) ^ change;
        const decoded = await attempt(async () => plain(decodeFrames(KEY, broken)));
        if (decoded !== undefined) assert.deepEqual(decoded, wanted.flat());
        assert.throws(() => decodeFrames(KEY, bytes.subarray(0, at)), { code: 'CORRUPT' });
        // A section has no digest of its own: without compression a change may pass unnoticed, but
        // the number of rows still matches the index.
        await store.replace(KEY, broken);
        await attempt(async () => {
          const reader = await FrameReader.open(store, KEY);
          for (const section of reader.sections) assert.equal((await reader.read(section)).length, section.rows);
        });
      }),
      { numRuns: 200 },
    );
  }
});

/** The result of `read`; undefined if the object is CORRUPT. */
async function attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof assert.AssertionError || !(error instanceof Error && 'code' in error && error.code === 'CORRUPT')) throw error;
    return undefined;
  }
}

test('a missing object is NOT_FOUND', async (t) => {
  await assert.rejects(FrameReader.open(await openFsStore({ directory: tempDir(t) }), KEY), { code: 'NOT_FOUND' });
});

const plain = (rows: readonly FrameRow[]) =>
  rows.map(({ labels, frame, ...row }) => ({ ...row, labels: { ...labels }, frame: frame.toString('hex') }));
