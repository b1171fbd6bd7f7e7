// The file log as a whole: the contract of every log, and the properties of a log on disk.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import { poll } from '../../../../../test/support/poll.ts';
import { startProcess } from '../../../../../test/support/process.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { logContract, take, text, withPartitions } from '../contract.ts';
import { openFileLog, partitionOf } from './open.ts';

logContract('file log', async (t, partitions) => {
  const directory = join(tempDir(t), 'log');
  return { open: () => openFileLog({ directory, partitions }) };
});
logContract('file log of tiny segments', async (t, partitions) => {
  const directory = tempDir(t);
  return { open: () => openFileLog({ directory, partitions, segmentBytesMax: 200 }) };
});

const appender = new URL('open.test-child.ts', import.meta.url).pathname;

test('a key is in partition CRC-32 modulo the number of partitions', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
      assert.equal(partitionOf(key, partitions), crc32(Buffer.from(key, 'utf8')) % partitions);
    }),
  );
  // The check value of CRC-32, for "123456789", is 0xcbf43926 in every CRC catalogue.
  assert.equal(partitionOf('123456789', 1000), 0xcbf43926 % 1000);
});

test('the number of partitions is stored and cannot change', async (t) => {
  const directory = tempDir(t);
  await (await openFileLog({ directory, partitions: 3 })).close();
  const log = await openFileLog({ directory });
  assert.equal(log.partitionCount, 3);
  await log.close();
  await assert.rejects(openFileLog({ directory, partitions: 4 }), { code: 'CONFIGURATION' });
  await assert.rejects(openFileLog({ directory: tempDir(t), partitions: 0 }), { code: 'CONFIGURATION' });
});

test('append times never decrease, even if the clock goes back or the log is reopened', async (t) => {
  const directory = tempDir(t);
  const times = [5000, 4000, 7000, 6000, 1000, 7001];
  for (const [index, time] of times.entries()) {
    const log = await openFileLog({ directory, now: () => time, segmentBytesMax: index % 2 === 0 ? 10 : 1000 });
    await log.append('k', text('v'));
    await log.close();
  }
  const log = await openFileLog({ directory });
  await withPartitions(log, async ([partition]) => {
    const entries = await take(partition, 0, times.length);
    assert.deepEqual(
      entries.map(({ appendTimeMs }) => appendTimeMs),
      [5000, 5000, 7000, 7000, 7000, 7001],
    );
  });
  await log.close();
});

test('a directory in use is refused, naming the process, until that process ends in any way', async (t) => {
  const directory = tempDir(t);
  const child = startProcess(t, [appender, directory, '1']);
  await child.untilLine(/^ack 0 /);
  await assert.rejects(openFileLog({ directory }), (error: Error) => {
    assert.match(error.message, new RegExp(`process ${child.pid} on `));
    return 'code' in error && error.code === 'IN_USE';
  });
  child.kill('SIGKILL');
  await child.exit;
  const log = await openFileLog({ directory });
  await assert.rejects(openFileLog({ directory }), { code: 'IN_USE' });
  await log.close();
  await (await openFileLog({ directory })).close();
});

test('a log whose writer was killed by SIGKILL holds every acknowledged entry', async (t) => {
  const directory = tempDir(t);
  const seed = Number(process.env.HAYATE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`HAYATE_TEST_SEED=${seed}`);
  let drawn = 0;
  const random = (below: number) => crc32(`${seed} ${drawn++}`) % below;
  const acknowledged = new Map<number, string>();
  for (let kill = 0; kill < 10; kill++) {
    const child = startProcess(t, [appender, directory, String(random(2 ** 31))]);
    const stop = random(60) + 1;
    await poll(`${stop} acknowledgements`, () => child.stdout.length >= stop);
    child.kill('SIGKILL');
    assert.equal((await child.exit).signal, 'SIGKILL');
    for (const line of child.stdout) {
      const [, offset, digest] = /^ack (\d+) ([0-9a-f]+)$/.exec(line) ?? [];
      if (offset === undefined || digest === undefined) continue;
      assert.equal(acknowledged.get(Number(offset)), undefined, 'no offset is given twice');
      acknowledged.set(Number(offset), digest);
    }
    const log = await openFileLog({ directory });
    await withPartitions(log, async ([partition]) => {
      const end = await partition.append(text('end'));
      acknowledged.set(end, crc32('end').toString(16));
      const entries = await take(partition, 0, end + 1);
      for (const [offset, digest] of acknowledged) assert.equal(crc32(entries[offset]?.value ?? text('missing')).toString(16), digest);
    });
    await log.close();
  }
  t.diagnostic(`${acknowledged.size} entries acknowledged`);
});

test('committed segments beyond the size or age limit are deleted, uncommitted ones never', async (t) => {
  const directory = tempDir(t);
  let nowMs = Date.now();
  const options = { directory, segmentBytesMax: 300, retainBytes: 900, retainMs: 60_000, now: () => nowMs };
  let log = await openFileLog(options);
  // 26 bytes of header, 1 of key and 73 of value: three records fit in a segment.
  const append = () => log.append('k', new Uint8Array(73));
  for (let index = 0; index < 30; index++) await append();
  await withPartitions(log, async ([partition]) => {
    assert.equal(await partition.earliestOffset(), 0);
    await partition.commit(2);
    assert.equal(await partition.earliestOffset(), 0, 'a segment that is committed in part stays');
    await partition.commit(15);
    assert.equal(await partition.earliestOffset(), 6, 'three committed segments are kept');
    await assert.rejects(take(partition, 5, 1), { code: 'NOT_FOUND' });
    await take(partition, 6, 24);
    nowMs += 60_001;
    await partition.commit(16);
    assert.equal(await partition.earliestOffset(), 15, 'all committed segments are too old');
    await partition.commit(30);
    assert.equal(await partition.earliestOffset(), 27, 'the newest segment stays');
  });
  await log.close();
  log = await openFileLog(options);
  assert.deepEqual((await append()).offset, 30);
  await withPartitions(log, async ([partition]) => {
    assert.equal(await partition.earliestOffset(), 27);
    assert.equal(await partition.committedOffset(), 30);
  });
  await log.close();
});

test('at its size limit a log first deletes committed segments, then refuses, and takes appends again after a commit', async (t) => {
  const registry = new Registry();
  const log = await openFileLog({ directory: tempDir(t), sizeBytesMax: 4000, segmentBytesMax: 400, registry });
  const append = () => log.append('k', new Uint8Array(73));
  for (let index = 0; index < 40; index++) await append();
  assert.ok(log.writable());
  await assert.rejects(append(), { name: 'LogRefusedError', refusal: 'full' });
  assert.equal(log.writable(), false);
  await withPartitions(log, async ([partition]) => {
    await partition.commit(40);
    assert.equal(await partition.earliestOffset(), 0, 'retention would keep them');
    assert.ok(log.writable());
    assert.equal((await append()).offset, 40);
    assert.equal(await partition.earliestOffset(), 4);
    for (let index = 41; index < 80; index++) await append();
    await assert.rejects(append(), { refusal: 'full' });
    await take(partition, 40, 40);
  });
  const metrics = await registry.metrics();
  for (const line of [
    'hayate_log_refused_total{reason="full"} 2',
    'hayate_log_appended_entries_total 80',
    'hayate_log_appended_bytes_total 8000',
    'hayate_log_append_seconds_count 80',
    'hayate_log_waiting_bytes 0',
    'hayate_log_size_bytes 4000',
  ])
    assert.ok(metrics.split('\n').includes(line), `${line} is in\n${metrics}`);
  await log.close();
});

test('an append beyond the limit of waiting bytes is refused at once, and earlier ones still become durable', async (t) => {
  const log = await openFileLog({ directory: tempDir(t), waitingBytesMax: 10_000 });
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => log.append('k', new Uint8Array(973))));
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value.offset : result.reason.refusal)),
    [...Array.from({ length: 10 }, (_, index) => index), ...Array.from({ length: 10 }, () => 'full')],
  );
  assert.equal((await log.append('k', new Uint8Array(20_000))).offset, 10, 'a single entry may be larger');
  await assert.rejects(log.append('k', new Uint8Array(16 * 2 ** 20)), RangeError);
  await log.close();
});

test('missing or foreign files stop the log with their names', async (t) => {
  const fill = async () => {
    const directory = tempDir(t);
    const log = await openFileLog({ directory, segmentBytesMax: 100 });
    for (let index = 0; index < 5; index++) await log.append('k', new Uint8Array(73));
    await withPartitions(log, ([partition]) => partition.commit(2));
    await log.close();
    const partition = join(directory, 'p=000');
    return { directory, partition, segments: (await readdir(partition)).filter((name) => name.endsWith('.log')).sort() };
  };
  const refuses = async (directory: string, message: RegExp) => {
    await assert.rejects(openFileLog({ directory }), (error: Error) => {
      assert.match(error.message, message);
      return 'code' in error && error.code === 'CORRUPT';
    });
  };
  const withoutMeta = await fill();
  await rm(join(withoutMeta.directory, 'log.json'));
  await refuses(withoutMeta.directory, /log\.json is missing/);
  const oddMeta = await fill();
  await writeFile(join(oddMeta.directory, 'log.json'), '{"format":1}');
  await refuses(oddMeta.directory, /log\.json/);
  const oddCommit = await fill();
  await writeFile(join(oddCommit.partition, 'committed'), '6\n');
  await refuses(oddCommit.directory, /committed says 6, but/);
  const withoutFirst = await fill();
  for (const name of withoutFirst.segments.slice(0, 3)) await rm(join(withoutFirst.partition, name));
  await refuses(withoutFirst.directory, /offsets 3 to 5 are kept/);
  const empty = await fill();
  for (const name of empty.segments) await rm(join(empty.partition, name));
  await refuses(empty.directory, /no segment files/);
  const withHole = await fill();
  await rm(join(withHole.partition, withHole.segments[2] ?? ''));
  const log = await openFileLog({ directory: withHole.directory });
  await withPartitions(log, ([partition]) => assert.rejects(take(partition, 0, 5), { code: 'CORRUPT', message: /ends before offset 2/ }));
  await log.close();
});

test('leftovers of interrupted replaces are removed', async (t) => {
  const directory = tempDir(t);
  await (await openFileLog({ directory })).close();
  const leftover = join(directory, 'p=000', 'committed.tmp');
  await writeFile(leftover, '12');
  await (await openFileLog({ directory })).close();
  assert.equal(existsSync(leftover), false);
});
