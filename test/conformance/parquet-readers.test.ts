// Statistics files of this version, and of the version that wrote only the deprecated
// ConvertedType, in every available reader: all show the same moments and the same digests, and an
// archive may contain both.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetMetadata } from 'hyparquet';
import { ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { readObjectIdentity } from '../../packages/server/src/archive/layout/object-digest.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { STATISTICS_TABLE } from '../../packages/server/src/archive/row/statistics-row.ts';
import { ArchiverMetrics } from '../../packages/server/src/archiver/archiver-metrics.ts';
import { ObjectWriter } from '../../packages/server/src/archiver/object-writer.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { SEAL_KEY, SEAL_PLACEHOLDER, seal } from '../../packages/server/src/format/parquet/byte-seal.ts';
import { readParquet, readParquetMetadata, scanParquet, writeParquet } from '../../packages/server/src/format/parquet/index.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { RateLimitedLog } from '../../packages/server/src/kernel/rate-limited-log.ts';
import { makeLog } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, readObjects, writeLog } from '../support/archive-run.ts';
import { runHayate } from '../support/hayate.ts';
import { root, runProcess } from '../support/process.ts';
import { requirePythonTool } from '../support/python-program.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Written by Hayate before it annotated columns with their LogicalType. */
const oldFile = new Uint8Array(readFileSync(join(root, 'test/conformance/fixture/statistics-converted-type.parquet')));

/** A file's rows and metadata as the previous version wrote them. */
async function asBefore(file: Uint8Array): Promise<Uint8Array> {
  const { rows } = await readParquet(STATISTICS_TABLE, file);
  const columns = Object.entries(STATISTICS_TABLE).map(([name, column]) => ({
    name,
    type: column.type,
    nullable: 'optional' in column,
    data: rows.map((row) => {
      const value: string | number | undefined = row[name as keyof typeof row];
      if (column.type === 'JSON') return JSON.parse(String(value));
      if (column.type === 'INT64' && typeof value === 'number') return BigInt(value);
      return column.type === 'TIMESTAMP' ? new Date(Number(value)) : (value ?? null);
    }),
  }));
  const bytes = new ByteWriter();
  const schema = schemaFromColumnData({ columnData: columns.map((column) => ({ ...column, data: [] })) });
  const writer = new ParquetWriter({ writer: bytes, schema, createdBy: 'hayate' });
  void writer.write({ columnData: columns.map(({ name, data }) => ({ name, data })) });
  const entries = Object.entries({ ...readParquetMetadata(file), [SEAL_KEY]: SEAL_PLACEHOLDER });
  writer.kvMetadata = entries.map(([key, value]) => ({ key, value }));
  void writer.finish();
  const whole = bytes.getBytes();
  seal(whole);
  return whole;
}

async function rewritten(file: Uint8Array): Promise<Uint8Array> {
  const { rows, metadata } = await readParquet(STATISTICS_TABLE, file);
  return writeParquet(STATISTICS_TABLE, rows, metadata).bytes;
}

/** The files of both versions on disk, and their content. */
async function bothFiles(t: TestContext) {
  const folder = tempDir(t);
  const [before, now] = [join(folder, 'before.parquet'), join(folder, 'now.parquet')];
  writeFileSync(before, oldFile);
  writeFileSync(now, await rewritten(oldFile));
  const { rows } = await readParquet(STATISTICS_TABLE, oldFile);
  return { before, now, windows: rows.map(({ window_start }) => window_start).sort((a, b) => a - b) };
}

test('a file of the previous version is read, and rewritten it has the same digest and other bytes', async () => {
  assert.deepEqual(await asBefore(oldFile), oldFile, 'the writer of this test is that of the version before');
  const now = await rewritten(oldFile);
  assert.notDeepEqual(now, oldFile);
  assert.deepEqual(await readParquet(STATISTICS_TABLE, now), await readParquet(STATISTICS_TABLE, oldFile));
  assert.deepEqual(readObjectIdentity('x.parquet', now), readObjectIdentity('x.parquet', oldFile));
  const scanned = async (file: Uint8Array) => {
    const values: unknown[] = [];
    for await (const group of scanParquet(STATISTICS_TABLE, file))
      values.push(await group.column('window_start'), await group.column('labels'), await group.column('title'));
    return values;
  };
  assert.deepEqual(await scanned(now), await scanned(oldFile));
});

test('every annotated column has both kinds of annotation, the time with its unit and UTC', async () => {
  const { schema } = parquetMetadata(new Uint8Array(await rewritten(oldFile)).buffer);
  for (const [name, { type }] of Object.entries(STATISTICS_TABLE)) {
    const { converted_type, logical_type } = schema.find((element) => element.name === name) ?? {};
    const expected = {
      TIMESTAMP: ['TIMESTAMP_MILLIS', { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' }],
      STRING: ['UTF8', { type: 'STRING' }],
      JSON: ['JSON', { type: 'JSON' }],
    }[type as string] ?? [undefined, undefined];
    assert.deepEqual([converted_type, logical_type], expected, name);
  }
});

test('DuckDB reads times with their zone from new files, and the same moments from both in a session in UTC', async (t) => {
  const { before, now, windows } = await bothFiles(t);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("SET TimeZone = 'UTC'");
  const read = async (files: string) => {
    const sql = `select typeof(window_start) as type, epoch_ms(window_start) as ms from read_parquet(${files}) order by ms`;
    const rows = (await connection.runAndReadAll(sql)).getRowsJson();
    return { type: rows[0]?.[0], windows: rows.map(([, ms]) => Number(ms)) };
  };
  assert.deepEqual(await read(`'${before}'`), { type: 'TIMESTAMP', windows });
  assert.deepEqual(await read(`'${now}'`), { type: 'TIMESTAMP WITH TIME ZONE', windows });
  const twice = windows.flatMap((ms) => [ms, ms]);
  for (const files of [`['${before}', '${now}']`, `['${now}', '${before}']`])
    for (const union of ['', ', union_by_name = true']) assert.deepEqual((await read(`${files}${union}`)).windows, twice, files);
  // In a session with another time zone, only the new file still says which moment it means.
  await connection.run("SET TimeZone = 'Asia/Kathmandu'");
  assert.deepEqual((await read(`'${now}'`)).windows, windows);
});

test('pyarrow reads the same rows and UTC from both', async (t) => {
  const python = await requirePythonTool(t, 'pyarrow');
  if (python === undefined) return;
  const { before, now, windows } = await bothFiles(t);
  const program = `import sys, pyarrow.parquet as pq
tables = [pq.read_table(path) for path in sys.argv[1:]]
print(*[str(table.schema.field('window_start').type) for table in tables])
print(tables[0].equals(tables[1]))
print(*sorted(tables[1].column('window_start').cast('int64').to_pylist()))
print(*[pq.ParquetFile(path).schema.column(4).logical_type.to_json() for path in sys.argv[1:]])`;
  const { code, stdout, stderr } = await runProcess(t, ['-c', program, before, now], { executable: python });
  assert.equal(code, 0, stderr.join('\n'));
  assert.deepEqual(stdout.slice(0, 3), ['timestamp[ms, tz=UTC] timestamp[ms, tz=UTC]', 'True', windows.join(' ')]);
  assert.match(stdout[3] ?? '', /"is_from_converted_type":true.*"is_from_converted_type":false/);
});

test('an archive with files of both versions is sound, answers queries as before, and is compacted as before', async (t) => {
  const place = await makePlace(t);
  const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);
  await archiveUntil(await writeLog(place.directory, makeLog(7, 150, packetOf)), place, { windowsPerCut: 2 });
  const data = dirname(place.archive);
  const sql = 'select window_start, stream, epoch, audio_frames from statistics order by all';
  const ask = async () => (await runHayate(t, ['query', sql, '--json', '--data', data], { TZ: 'America/New_York' })).stdout;
  const [before, objects] = [await ask(), [...(await readObjects(place.store, 'statistics/'))]];
  assert.ok(before.length > 10 && objects.length > 4);
  // Either file may come first: DuckDB takes the types from the first file.
  for (const first of [0, 1]) {
    for (const [i, [key, bytes]] of objects.entries()) await place.store.replace(key, i % 2 === first ? await asBefore(bytes) : bytes);
    assert.deepEqual(await ask(), before);
  }
  const verified = await runHayate(t, ['archive', 'verify', '--data', data, '--without-log']);
  assert.equal(verified.code, 0, verified.lines.join('\n'));

  const log = objects[0]?.[0].split('/')[1] ?? '';
  const compact = async () => {
    await compactHours({ store: place.store, name: { log, partition: 0 }, from: 0, advance: async () => {}, stepsMax: 1_000 });
    const [[key, bytes] = assert.fail()] = [...(await readObjects(place.store, 'hourly/'))];
    await place.store.delete(key);
    return { key, identity: readObjectIdentity(key, bytes), rows: await decodeStatistics(key, bytes) };
  };
  const mixed = await compact();
  for (const [key, bytes] of objects) await place.store.replace(key, bytes);
  assert.deepEqual(await compact(), mixed);
});

test("a writer of one version finds the other's object equal", async (t) => {
  const { store } = await makePlace(t);
  const context = createContext({ logLevel: 'silent' });
  const writer = new ObjectWriter({ store, metrics: new ArchiverMetrics(context), log: new RateLimitedLog(context.logger) });
  const { digest } = readObjectIdentity('x.parquet', oldFile);
  const options = { signal: new AbortController().signal, keepErased: false };
  for (const [i, [there, late]] of [
    [oldFile, await rewritten(oldFile)],
    [await rewritten(oldFile), oldFile],
  ].entries()) {
    assert.ok(there !== undefined && late !== undefined);
    assert.equal(await writer.put(`statistics/${i}.parquet`, 'statistics', { bytes: there, digest }, options), undefined);
    const found = await writer.put(`statistics/${i}.parquet`, 'statistics', { bytes: late, digest }, options);
    assert.equal(found?.digest, digest);
    assert.equal(Buffer.compare(found.bytes, there), 0);
    await assert.rejects(
      writer.put(`statistics/${i}.parquet`, 'statistics', { bytes: late, digest: 'other' }, options),
      /different content/,
    );
  }
});
