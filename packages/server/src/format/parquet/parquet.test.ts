import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openParquet, ParquetError, readParquet, readParquetMetadata } from './parquet-reader.ts';
import type { RowOf } from './parquet-table.ts';
import { ParquetFileWriter, writeParquet } from './parquet-writer.ts';

const table = {
  at: { type: 'TIMESTAMP' },
  name: { type: 'STRING' },
  labels: { type: 'JSON' },
  small: { type: 'INT32' },
  large: { type: 'INT64' },
  maybe: { type: 'INT64', optional: true },
  mean: { type: 'DOUBLE', optional: true },
} as const;

const row: fc.Arbitrary<RowOf<typeof table>> = fc.record({
  at: fc.integer({ min: 0, max: 4e12 }),
  name: fc.string({ unit: 'grapheme' }),
  labels: fc
    .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ unit: 'grapheme' }), { maxKeys: 3 })
    .map((labels) => JSON.stringify({ ...labels })),
  small: fc.integer({ min: -0x7fffffff, max: 0x7fffffff }),
  large: fc.maxSafeInteger(),
  maybe: fc.option(fc.maxSafeNat(), { nil: undefined }),
  mean: fc.option(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    { nil: undefined },
  ),
});

test('rows come back from the file, and the same rows give the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 40 }), async (rows) => {
      const metadata = { 'hayate.log': 'x', 'hayate.a': '疾風' };
      const { bytes, digest } = writeParquet(table, rows, metadata);
      const read = await readParquet(table, bytes);
      assert.deepEqual(
        read.rows,
        rows.map((expected) => ({ ...expected })),
      );
      assert.deepEqual(read.metadata, metadata);
      assert.equal(readParquetMetadata(bytes)['hayate.digest'], digest);
      assert.deepEqual(writeParquet(table, rows, metadata).bytes, bytes);
    }),
    { numRuns: 60 },
  );
});

test("a file that replaces an erased one keeps its digest, and the new file's own digest is checked", async () => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ at: i, name: 'a', labels: '{}', small: 1, large: 1, maybe: undefined, mean: i / 3 }));
  const { digest } = writeParquet(table, rows);
  const left = writeParquet(table, rows.slice(1), {}, digest);
  assert.equal(left.digest, digest);
  assert.equal(readParquetMetadata(left.bytes)['hayate.digest'], digest);
  assert.equal(readParquetMetadata(left.bytes)['hayate.erased'], writeParquet(table, rows.slice(1)).digest);
  assert.deepEqual((await readParquet(table, left.bytes)).rows, rows.slice(1));
  await assert.rejects(readParquet({ ...table, small: { type: 'INT64' } }, left.bytes), ParquetError);
});

test('a file of many pages and row groups is read back', async () => {
  const rows = Array.from({ length: 30_000 }, (_, i) => ({
    at: i * 1000,
    name: `stream${i % 100}`,
    labels: '{}',
    small: i,
    large: i * 2 ** 30,
    maybe: i % 3 ? i : undefined,
    mean: i / 3,
  }));
  assert.deepEqual((await readParquet(table, writeParquet(table, rows).bytes)).rows, rows);
});

test('a file written piece by piece has the content of a file written at once, and is read piece by piece', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(row, { maxLength: 10 }), { maxLength: 6 }), async (pieces) => {
      const writer = new ParquetFileWriter(table);
      for (const piece of pieces) writer.add(piece);
      assert.equal(writer.rows, pieces.flat().length);
      const { bytes, digest } = writer.end();
      assert.equal(digest, writeParquet(table, pieces.flat()).digest);
      const read: RowOf<typeof table>[][] = [];
      for await (const group of openParquet(table, bytes).groups()) read.push(group);
      const expected = pieces.filter((piece) => piece.length > 0);
      assert.deepEqual(
        read,
        expected.map((piece) => piece.map((one) => ({ ...one }))),
      );
    }),
    { numRuns: 60 },
  );
});

test('values that do not fit a column are refused', () => {
  const good = { at: 1, name: 'a', labels: '{}', small: 1, large: 1, maybe: undefined, mean: undefined };
  assert.throws(() => writeParquet(table, [{ ...good, small: 2 ** 31 }]), RangeError);
  assert.throws(() => writeParquet(table, [{ ...good, large: 2 ** 53 }]), RangeError);
  assert.throws(() => writeParquet(table, [{ ...good, large: 0.5 }]), RangeError);
});

test('any changed byte and any truncation is refused, and so are random bytes', async () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    at: i,
    name: `n${i}`,
    labels: '{"a":"b"}',
    small: i,
    large: i,
    maybe: i,
    mean: i / 7,
  }));
  const { bytes } = writeParquet(table, rows);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const broken = bytes.slice();
      broken[at] = (broken[at] ?? 0) ^ change;
      await assert.rejects(readParquet(table, broken), ParquetError);
      await assert.rejects(readParquet(table, bytes.subarray(0, at)), ParquetError);
    }),
    { numRuns: 300 },
  );
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), (junk) => assert.rejects(readParquet(table, junk), ParquetError)));
});
