// Times at the command line: the same moments are printed and understood in every time zone, and no
// ambiguous time leads to an erasure.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readTime, timeText } from '../../packages/server/src/kernel/time-text.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { makeLog } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, readObjects, writeLog } from '../support/archive-run.ts';
import { runProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);
/** West and east of UTC, one with an offset of 45 minutes; New York has daylight saving time. */
const ZONES = ['UTC', 'America/New_York', 'Asia/Tokyo', 'Asia/Kathmandu'];

/** An archive of broadcasts that began at 17:59 UTC on 3 May 2026. */
async function makeArchive(t: TestContext): Promise<Place & { data: string }> {
  const place = await makePlace(t);
  await archiveUntil(await writeLog(place.directory, makeLog(11, 40, packetOf)), place, { windowMs: 5_000, windowsPerCut: 2 });
  return { ...place, data: dirname(place.archive) };
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands one after another in a process whose TZ is `zone`. */
async function runIn(t: TestContext, zone: string, commands: readonly (readonly string[])[]): Promise<Outcome[]> {
  const child = await runProcess(t, ['test/integration/cli-time.test-child.ts', JSON.stringify(commands)], { env: { TZ: zone } });
  assert.equal(child.code, 0, child.lines.join('\n'));
  return child.stdout.map((line): Outcome => JSON.parse(line));
}

/**
 * Runs the commands in each zone, and asserts that all zones give the same output. `written`: the
 * file of an export, a different one in each zone.
 */
async function everywhere(t: TestContext, commands: readonly (readonly string[])[]): Promise<Outcome[]> {
  const [first = assert.fail(), ...others] = await Promise.all(ZONES.map((zone) => runIn(t, zone, commands)));
  assert.equal(first.length, commands.length);
  for (const [i, outcomes] of others.entries()) assert.deepEqual(outcomes, first, `in ${ZONES[i + 1]}`);
  return first;
}

test('commands print UTC with its Z, and read a time without a zone as UTC and say so, for any TZ', async (t) => {
  const { data } = await makeArchive(t);
  const sql = `select min(window_start) as first, list(distinct window_start order by window_start)[1:1] as listed,
    {'at': min(window_start)} as struct, date_trunc('day', min(window_start)) as day, min(window_start)::varchar as text from statistics`;
  const count = ['query', 'select count(*) as n from statistics', '--csv', '--data', data];
  const verify = ['archive', 'verify', '--data', data, '--without-log'];
  const export_ = ['archive', 'export', 'bob', '--data', data, '--out', '-'];
  const [listed, would, verified, row, gap, all, ...rest] = await everywhere(t, [
    ['archive', 'ls', 'bob', '--data', data],
    ['archive', 'erase', 'bob', '--data', data, '--dry-run'],
    verify,
    ['query', sql, '--json', '--data', data],
    ['query', "select timestamptz '2026-03-08 02:30:00.123456' as gap, timestamptz 'infinity' as end", '--csv', '--data', data],
    count,
    [...count, '--from', '2026-05-03 17:59'],
    [...count, '--from', '2026-05-03 18:30'],
    [...count, '--from', '2026-05-03T13:59-04:00'],
    [...count, '--from', '2026-05-03T17:59:00Z'],
    // In New York, 02:30 on 8 March does not exist, and 01:30 on 1 November occurs twice.
    [...verify, '--from', '2026-03-08 02:30'],
    [...verify, '--from', '2026-11-01 01:30'],
    [...export_, '--from', '2026-05-03 17:59', '--to', '60'],
  ]);
  assert.match(listed?.stdout ?? '', /^bob +[0-9a-f]{16} +2026-05-03T17:59:\d\dZ +/m);
  assert.match(would?.stdout ?? '', /^[0-9a-f]{16} +2026-05-03T17:59:\d\dZ +\d+ +to be erased$/m);
  assert.match(verified?.stdout ?? '', / from 2026-05-03T17:59:[\d.]+Z to 2026-05-03T17:59:[\d.]+Z$/m);
  const { first, listed: inList, struct, day, text } = JSON.parse(row?.stdout ?? '');
  assert.match(first, /^2026-05-03T17:59:\d\dZ$/);
  assert.deepEqual([inList, struct, day], [[first], { at: first }, '2026-05-03T00:00:00Z']);
  assert.equal(text, `${first.replace('T', ' ').replace('Z', '')}+00`);
  assert.equal(gap?.stdout, 'gap,end\r\n2026-03-08T02:30:00.123456Z,infinity\r\n');
  const rows = all?.stdout;
  assert.match(rows ?? '', /^n\r\n[1-9]\d*\r\n$/);
  const [evening, later, offset, full, missing, twice, voice] = rest;
  assert.deepEqual(evening, { code: 0, stdout: rows, stderr: '--from 2026-05-03 17:59 is 2026-05-03T17:59:00Z\n' });
  assert.deepEqual(later, { code: 0, stdout: 'n\r\n0\r\n', stderr: '--from 2026-05-03 18:30 is 2026-05-03T18:30:00Z\n' });
  assert.deepEqual(offset, { code: 0, stdout: rows, stderr: '--from 2026-05-03T13:59-04:00 is 2026-05-03T17:59:00Z\n' });
  assert.deepEqual(full, { code: 0, stdout: rows, stderr: '' });
  assert.equal(missing?.stderr, '--from 2026-03-08 02:30 is 2026-03-08T02:30:00Z\n');
  assert.equal(twice?.stderr, '--from 2026-11-01 01:30 is 2026-11-01T01:30:00Z\n');
  assert.match(voice?.stderr ?? '', /^--from 2026-05-03 17:59 is 2026-05-03T17:59:00Z\n.* from 2026-05-03T17:59:[\d.]+Z/);
});

test('a time without a zone erases nothing, and a time with one erases the same in every zone', async (t) => {
  const { data, archive, store } = await makeArchive(t);
  const before = await readObjects(store);
  const erase = (time: string, ...more: string[]) => ['archive', 'erase', 'bob', '--before', time, ...more];
  const ambiguous = ['2026-05-03 18:00:00', '2026-05-03T18:00', '2026-05-04', '2026-03-08 02:30'];
  const outcomes = await everywhere(t, [
    erase('2026-05-03 18:00', '--dry-run', '--data', data),
    ...ambiguous.map((time) => erase(time, '--yes', '--data', data)),
    ...ambiguous.map((time) => erase(time, '--data', data)),
  ]);
  const [would, ...refused] = outcomes;
  assert.deepEqual([would?.code, would?.stderr], [0, '--before 2026-05-03 18:00 is 2026-05-03T18:00:00Z\n']);
  assert.match(would?.stdout ?? '', /to be erased$/m);
  for (const { code, stderr } of refused) {
    assert.equal(code, 2);
    assert.match(stderr, /--before needs a zone to erase: write --before 2026-\d\d-\d\dT\d\d:\d\d:00Z for UTC/);
  }
  assert.deepEqual(await readObjects(store), before);
  const erased = await Promise.all(
    ZONES.map(async (zone, i) => {
      const copy = join(data, `copy${i}`);
      await cp(archive, join(copy, 'archive'), { recursive: true });
      const times = ['2026-05-03 17:59Z', '2026-05-03T23:45+05:45'];
      const [early, late] = await runIn(
        t,
        zone,
        times.map((time) => erase(time, '--yes', '--data', copy)),
      );
      assert.deepEqual([early?.code, late?.code], [1, 0], `${early?.stderr}${late?.stderr}`);
      return readObjects(await openFsStore({ directory: join(copy, 'archive') }), 'audio/');
    }),
  );
  assert.notDeepEqual(erased[0], await readObjects(store, 'audio/'));
  for (const objects of erased) assert.deepEqual(objects, erased[0]);
});

test('text that is not a time is refused before the archive is opened', async (t) => {
  const data = join(tempDir(t), 'nowhere');
  const commands = [
    ['archive', 'verify', '--from', '2026-02-30'],
    ['archive', 'verify', '--from', '2026-05-04', '--to', '2026-05-03'],
    ['query', 'select 1', '--to', '2026-05-03 18:00 JST'],
    ['archive', 'erase', 'bob', '--before', '1777831200'],
    ['archive', 'export', 'bob', '--out', '-', '--from', '26-05-03'],
  ];
  const outcomes = await runIn(
    t,
    'Asia/Tokyo',
    commands.map((args) => [...args, '--data', data]),
  );
  for (const { code, stderr } of outcomes) {
    assert.equal(code, 2);
    assert.match(stderr, /--(from|to|before)/);
  }
});

test("Python's reader of ISO 8601 reads every such text as Hayate does", async (t) => {
  const python = requireTool(t, 'python3');
  if (python === undefined) return;
  const texts = [
    '2026-05-03',
    '2026-05-03 18:00',
    '2026-05-03T18:00:00.250Z',
    '2026-05-03T18:00:00+05:45',
    '2024-02-29T23:59:59-03:30',
    '2026-03-08 02:30',
  ];
  const program = `import sys, datetime as d
for text in sys.argv[1:]:
    at = d.datetime.fromisoformat(text.replace('Z', '+00:00'))
    at = at if at.tzinfo else at.replace(tzinfo=d.timezone.utc)
    print(round(at.timestamp() * 1000))`;
  const { stdout } = await runProcess(t, ['-c', program, ...texts], { executable: python, env: { TZ: 'America/New_York' } });
  for (const [i, text] of texts.entries()) {
    const read = readTime(text);
    assert.ok(typeof read !== 'string');
    assert.equal(timeText(read.unixMs), timeText(Number(stdout[i])), text);
  }
});
