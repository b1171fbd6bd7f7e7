import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { zstdDecompress } from 'node:zlib';
import avsc from 'avsc';
import fc from 'fast-check';
import { AvroBlocks, decodeRows } from './avro-blocks.ts';
import { AVRO_CODECS } from './avro-codec.ts';
import { AvroError } from './avro-error.ts';
import { readAvro, readAvroBlocks, readAvroFile, readAvroHeader } from './avro-reader.ts';
import { defineAvroTable } from './avro-table.ts';
import { packAvro, packAvroSections, writeAvro } from './avro-writer.ts';

interface Row {
  name: string;
  number: number;
  labels: Record<string, string>;
  data: Buffer;
}

const table = defineAvroTable<Row>({
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'number', type: 'long' },
    { name: 'labels', type: { type: 'map', values: 'string' } },
    { name: 'data', type: 'bytes' },
  ],
});

const row: fc.Arbitrary<Row> = fc.record({
  name: fc.string({ unit: 'grapheme' }),
  number: fc.maxSafeNat().map((number) => Math.min(number, 2 ** 53 - 2)),
  labels: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string(), { maxKeys: 3 }),
  data: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
});

const plain = (rows: readonly Row[]) => rows.map(({ name, number, labels, data }) => [name, number, { ...labels }, data.toString('hex')]);

/** avsc's own codecs, and the one that it leaves to its callers. */
const codecs = { ...avsc.streams.BlockDecoder.defaultCodecs(), zstandard: zstdDecompress };

/** The rows as avsc's own container reader returns them. */
async function readWithAvsc(bytes: Uint8Array): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const value of Readable.from([Buffer.from(bytes)]).pipe(new avsc.streams.BlockDecoder({ codecs }))) rows.push(value);
  return rows;
}

test('this reader and avsc read the rows back, and the same rows give the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row), fc.constantFrom(...AVRO_CODECS), async (rows, codec) => {
      const options = { codec, metadata: { 'hayate.b': '2', 'hayate.a': '疾風' } };
      const { bytes, digest } = await writeAvro(table, rows, options);
      const read = readAvro(table, bytes);
      assert.deepEqual(plain(read.rows), plain(rows));
      assert.deepEqual(plain(await readWithAvsc(bytes)), plain(rows));
      assert.equal(read.header.digest, digest);
      assert.deepEqual(read.header.metadata, options.metadata);
      assert.deepEqual((await writeAvro(table, rows, options)).bytes, bytes);
      const other = await writeAvro(table, rows, { ...options, codec: codec === 'null' ? 'deflate' : 'null' });
      assert.equal(other.digest, digest, 'the digest covers the content, not its compression');
    }),
    { numRuns: 60 },
  );
});

test('files of many blocks, and rows larger than a block, are read back', async () => {
  const sizes = [10, 70_000, 3, 65_000, 600, 300_000, 1, 262_144];
  const rows = Array.from(
    { length: 400 },
    (_, i): Row => ({ name: `${i}`, number: i, labels: {}, data: Buffer.alloc(sizes[i % sizes.length] ?? 0, i) }),
  );
  const { bytes } = await writeAvro(table, rows, { codec: 'deflate' });
  assert.deepEqual(plain(readAvro(table, bytes).rows), plain(rows));
  assert.deepEqual(plain(await readWithAvsc(bytes)), plain(rows));
});

test('sections lie at the positions in the index, and each begins a block', async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(names, fc.array(row, { minLength: 1, maxLength: 20 }), fc.constantFrom(...AVRO_CODECS), async (names, rows, codec) => {
      const sections = names.map((name, i) => {
        const blocks = new AvroBlocks();
        for (const each of rows.slice(i % rows.length)) blocks.append(table, each);
        return { name: [name, i], blocks: blocks.finish() };
      });
      const { bytes, digest } = await packAvroSections(table, sections, { codec });
      const { header } = readAvroFile(bytes);
      assert.equal(header.digest, digest);
      assert.deepEqual(
        header.index?.map(({ name, rows }) => [name, rows]),
        names.map((name, i) => [[name, i], rows.length - (i % rows.length)]),
      );
      for (const [i, { offset, length }] of (header.index ?? []).entries()) {
        const start = header.length + offset;
        const found = decodeRows(table, readAvroBlocks(header, bytes.subarray(start, start + length)));
        assert.deepEqual(plain([...found]), plain(rows.slice(i % rows.length)));
      }
      assert.equal(plain(await readWithAvsc(bytes)).length, plain(readAvro(table, bytes).rows).length);
      const without = await packAvro(
        table,
        sections.flatMap(({ blocks }) => blocks),
        { codec },
      );
      assert.equal(without.digest, digest, 'the digest does not cover the index');
    }),
    { numRuns: 60 },
  );
});

test("a file that replaces an erased one keeps its digest, and the new file's own digest is checked", async () => {
  const rows = Array.from({ length: 50 }, (_, i): Row => ({ name: `row ${i}`, number: i, labels: {}, data: Buffer.alloc(9, i) }));
  const { digest } = await writeAvro(table, rows, { codec: 'null' });
  const left = await writeAvro(table, rows.slice(10), { codec: 'null', erasedDigest: digest });
  const read = readAvro(table, left.bytes);
  assert.equal(left.digest, digest);
  assert.equal(read.header.digest, digest);
  assert.equal(read.header.erasedDigest, (await writeAvro(table, rows.slice(10), { codec: 'null' })).digest);
  assert.deepEqual(plain(read.rows), plain(rows.slice(10)));
  const broken = left.bytes.slice();
  broken[broken.length - 20] = 0;
  assert.throws(() => readAvro(table, broken), AvroError);
});

test('a changed byte is refused or changes no row, and any truncation is refused', async () => {
  const rows = Array.from({ length: 50 }, (_, i): Row => ({ name: `row ${i}`, number: i, labels: { a: 'b' }, data: Buffer.alloc(9, i) }));
  for (const codec of AVRO_CODECS) {
    const { bytes } = await writeAvro(table, rows, { codec });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const broken = bytes.slice();
        broken[at] = (broken[at] ?? 0) ^ change;
        try {
          // Deflate ends in unused bits, and zstd's frames contain some. A change there changes no
          // row.
          assert.deepEqual(plain(readAvro(table, broken).rows), plain(rows));
          assert.notEqual(codec, 'null');
        } catch (error) {
          assert.ok(error instanceof AvroError, String(error));
        }
        assert.throws(() => readAvro(table, bytes.subarray(0, at)), AvroError);
      }),
      { numRuns: 300 },
    );
  }
});

test('random bytes are refused with an AvroError only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, magic) => {
      const input = magic ? Uint8Array.from([0x4f, 0x62, 0x6a, 1, ...bytes]) : bytes;
      assert.throws(() => readAvro(table, input), AvroError);
      assert.throws(() => readAvroHeader(input), AvroError);
    }),
  );
});
