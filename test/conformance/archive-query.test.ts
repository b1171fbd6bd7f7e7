// `hayate query` on real archives: it returns each row once, whichever files contain it; its
// output; and its sandbox.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listStatistics } from '../../packages/server/src/archive/read/statistics-list.ts';
import { readStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import type { StatisticsRow } from '../../packages/server/src/archive/row/statistics-row.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { fetchFiles } from '../../packages/server/src/cli/query-files.ts';
import { makeLog, STARTED_MS } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, readObjects, writeLog } from '../support/archive-run.ts';
import { runProcess } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/** An archive of two hours, and every row of its statistics. */
async function makeArchive(t: TestContext, seed: number): Promise<Place & { data: string; rows: StatisticsRow[] }> {
  const place = await makePlace(t);
  await archiveUntil(await writeLog(place.directory, makeLog(seed, 150, packetOf)), place, { windowsPerCut: 2 });
  const rows: StatisticsRow[] = [];
  for (const key of (await readObjects(place.store, 'statistics/')).keys()) rows.push(...(await readStatistics(place.store, key)));
  return { ...place, data: dirname(place.archive), rows };
}

async function query(data: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const io = {
    stdout: { write: (text: string | Uint8Array) => stdout.push(String(text)) },
    stderr: { write: (text: string | Uint8Array) => stderr.push(String(text)) },
    env: {},
    interrupted: new AbortController().signal,
  };
  const code = await dispatch(['query', ...args, '--data', data], io);
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

async function rowsOf(data: string, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await query(data, '--json', ...args);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Record<string, unknown> => JSON.parse(line));
}

test('each row of the statistics is seen once: before, during and after the compaction of hours', async (t) => {
  const { data, store, rows } = await makeArchive(t, 20_266);
  const expected = rows
    .map((row) => [row.stream, row.epoch, row.window_start, row.first_offset, row.audio_frames, row.duplicate_frames])
    .sort();
  const sql = 'select stream, epoch, epoch_ms(window_start) as w, first_offset, audio_frames, duplicate_frames from statistics';
  const seen = async () => (await rowsOf(data, sql)).map((row) => Object.values(row)).sort();
  assert.ok(new Set(rows.map(({ window_start }) => Math.floor(window_start / 3_600_000))).size === 2);
  assert.deepEqual(await seen(), expected);
  const log = rows[0]?.log ?? assert.fail();
  const { made } = await compactHours({ store, name: { log, partition: 0 }, from: 0, advance: async () => {}, stepsMax: 1_000 });
  assert.equal(made, 1);
  const objects = await listStatistics(store, { fromMs: 0, toMs: Infinity });
  assert.deepEqual([...new Set(objects.map(({ folder }) => folder))], ['hourly', 'statistics']);
  assert.deepEqual(await seen(), expected);
  // A file of an hour that ends before the hour does.
  const whole = objects.find(({ folder }) => folder === 'hourly') ?? assert.fail();
  const singles = [...(await readObjects(store, 'statistics/'))].filter(([key]) => key.includes(`/hour=17/`));
  const [[firstKey, firstBytes] = assert.fail()] = singles;
  assert.ok(singles.length > 1);
  await store.delete(whole.key);
  await store.putIfAbsent(firstKey.replace('statistics/', 'hourly/'), firstBytes);
  assert.deepEqual(await seen(), expected);
});

test('--from and --to bound the windows, and only files of these hours are opened', async (t) => {
  const { data, store, rows } = await makeArchive(t, 5);
  const count = async (...args: string[]) => (await rowsOf(data, 'select count(*) as n from statistics', ...args))[0]?.n;
  const between = (fromMs: number, toMs: number) => rows.filter(({ window_start: at }) => at >= fromMs && at < toMs).length;
  const hour = Date.UTC(2026, 4, 3, 18);
  const iso = (ms: number) => new Date(ms).toISOString();
  assert.equal(await count(), rows.length);
  assert.equal(await count('--from', '2026-05-03T00:00:00Z', '--to', '2026-05-04T00:00:00Z'), rows.length);
  assert.equal(await count('--from', '2026-05-04T00:00:00Z'), 0);
  assert.equal(await count('--to', '2026-05-03T00:00:00Z'), 0);
  assert.equal(await count('--from', iso(STARTED_MS + 20_000), '--to', iso(hour + 40_000)), between(STARTED_MS + 20_000, hour + 40_000));
  assert.ok(between(STARTED_MS + 20_000, hour + 40_000) > 0);
  for (const [fromMs, toMs, hours] of [
    [hour, Infinity, ['18']],
    [0, hour, ['17']],
    [hour - 1, hour + 1, ['17', '18']],
  ] as const) {
    const keys = (await listStatistics(store, { fromMs, toMs })).map(({ key }) => /hour=(\d\d)/.exec(key)?.[1]);
    assert.deepEqual([...new Set(keys)], hours);
  }
});

test('results are a table, CSV or JSON, with typed numbers and times in UTC', async (t) => {
  const { data, rows } = await makeArchive(t, 7);
  const sql = `select stream, count(*) as n, sum(audio_frames) as frames, min(window_start) as "first, ""window""", null as nothing
    from statistics where stream = 'bob' group by all`;
  const bob = rows.filter(({ stream }) => stream === 'bob');
  const first = new Date(Math.min(...bob.map((row) => row.window_start))).toISOString();
  const frames = bob.reduce((sum, row) => sum + row.audio_frames, 0);
  const time = first.replace('.000Z', 'Z');
  assert.deepEqual(await rowsOf(data, sql), [{ stream: 'bob', n: bob.length, frames, 'first, "window"': time, nothing: null }]);
  assert.equal(
    (await query(data, sql, '--csv')).stdout,
    `stream,n,frames,"first, ""window""",nothing\r\nbob,${bob.length},${frames},${time},\r\n`,
  );
  assert.equal(
    (await query(data, sql)).stdout,
    `stream  ${'n'.padStart(String(bob.length).length)}  ${'frames'.padStart(String(frames).length)}  first, "window"       nothing\n` +
      `bob     ${bob.length}  ${String(frames).padStart(6)}  ${time}\n`,
  );
  const many = await query(data, 'select range from range(1200)');
  assert.equal(many.stdout.split('\n').length, 1_002);
  assert.equal(many.stderr, '200 more rows: --csv and --json print all\n');
  assert.equal((await rowsOf(data, 'select range from range(5000)')).length, 5_000);
  assert.deepEqual((await rowsOf(data, 'select labels, levels from statistics limit 1')).length, 1);
});

test('an archive without statistics has the columns and no rows', async (t) => {
  const { archive } = await makePlace(t);
  const columns = (await rowsOf(dirname(archive), 'describe statistics')).map(({ column_name: name, column_type: type }) => [name, type]);
  assert.deepEqual(await rowsOf(dirname(archive), 'select * from statistics'), []);
  const { data } = await makeArchive(t, 9);
  assert.deepEqual(
    (await rowsOf(data, 'describe statistics')).map(({ column_name: name, column_type: type }) => [name, type]),
    columns,
  );
});

test('only SELECT runs, and it reads and writes no other file', async (t) => {
  const { data, archive, store } = await makeArchive(t, 11);
  const secret = join(tempDir(t), 'secret.csv');
  writeFileSync(secret, 'a\n1\n');
  const before = await readObjects(store);
  const key = [...before.keys()].find((each) => each.startsWith('statistics/')) ?? assert.fail();
  const taken = join(archive, key);
  for (const [sql, message] of [
    [`select * from read_csv('${secret}')`, /Permission Error/],
    [`select * from read_text('${secret}')`, /Permission Error/],
    [`select * from '${secret}'`, /Permission Error/],
    [`select * from glob('${data}/**')`, /Permission Error/],
    [`copy (select 1 as a) to '${taken}' (format parquet, use_tmp_file false)`, /only SELECT/],
    [`explain analyze copy (select 1 as a) to '${taken}' (format parquet, use_tmp_file false)`, /only SELECT/],
    [`copy (select 1 as a) to '${join(data, 'new.csv')}'`, /only SELECT|Permission Error/],
    [`attach '${join(data, 'x.db')}'`, /only SELECT|Permission Error/],
    ['create table x as select 1', /only SELECT/],
    ['set enable_external_access = true', /only SELECT/],
    ['install httpfs', /only SELECT/],
    ['select 1; select 2', /one statement/],
    ['select 1 where', /Parser Error/],
    ['select nonsense from statistics', /Binder Error/],
    ['selec', /Parser Error/],
    ["select * from read_avro('x')", /Catalog Error|Permission Error/],
  ] as const) {
    const { code, stdout, stderr } = await query(data, sql);
    assert.deepEqual([code, stdout], [1, ''], sql);
    assert.match(stderr, message, sql);
    assert.match(stderr, /^hayate query: [^\n]*\n$/, sql);
  }
  assert.deepEqual(await readObjects(store), before);
  assert.deepEqual(readdirSync(data).sort(), ['archive', 'log']);
  assert.deepEqual(readFileSync(secret, 'utf8'), 'a\n1\n');
  assert.deepEqual((await query(data, 'select 1', '--csv', '--json')).code, 2);
  assert.deepEqual((await query(data, 'select 1', '--from', 'tomorrow')).code, 2);
});

test('files of another store are fetched within a bound, and removed', async (t) => {
  const { store, rows } = await makeArchive(t, 13);
  const objects = await readObjects(store, 'statistics/');
  const bytes = [...objects.values()].reduce((sum, object) => sum + object.length, 0);
  const { signal } = new AbortController();
  const files = await fetchFiles(store, [...objects.keys(), 'statistics/gone.parquet'], { bytesMax: bytes, signal });
  assert.equal(files.paths.length, objects.size);
  assert.deepEqual(
    files.paths.map((path) => readFileSync(path).length).reduce((sum, size) => sum + size),
    bytes,
  );
  const directory = dirname(files.paths[0] ?? assert.fail());
  await files.close();
  assert.throws(() => readdirSync(directory), { code: 'ENOENT' });
  assert.ok(rows.length > 0);
  await assert.rejects(fetchFiles(store, [...objects.keys()], { bytesMax: bytes - 1, signal }), { code: 'BAD_REQUEST' });
});

test('without DuckDB the error says what to install', async (t) => {
  const { archive } = await makePlace(t);
  const hook = join(tempDir(t), 'without-duckdb.mjs');
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        return next(specifier === '@duckdb/node-api' ? '@duckdb/not-installed' : specifier, context);
      },
    });`,
  );
  const child = await runProcess(t, ['--import', hook, 'packages/server/bin/hayate.mjs', 'query', 'select 1', '--data', dirname(archive)]);
  assert.equal(child.code, 2);
  assert.match(child.stderr.join('\n'), /^hayate query: it needs DuckDB: run npm install @duckdb\/node-api/);
});
