// A disk that fills up or fails during a write: appends are refused, no acknowledged entry is lost,
// and the log recovers with the disk, without a restart.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { poll } from '../../../../../test/support/poll.ts';
import { startProcess } from '../../../../../test/support/process.ts';
import { requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { take, text, withPartitions } from '../contract.ts';
import { LogRefusedError } from '../log.ts';
import { openFileLog } from './open.ts';

const appender = new URL('open.test-child.ts', import.meta.url).pathname;

test('while the kernel does not let files grow, appends are refused', async (t) => {
  const prlimit = requireTool(t, 'prlimit');
  if (prlimit === undefined) return;
  const directory = tempDir(t);
  const child = startProcess(t, [appender, directory, 'full']);
  const limit = (bytes: string) => execFileSync(prlimit, ['--pid', String(child.pid), `--fsize=${bytes}:`]);
  await child.untilLine(/^ack 20 /);
  limit('50000');
  await child.untilLine(/^refused full$/);
  limit('unlimited');
  const refusedAt = child.stdout.indexOf('refused full');
  await poll('acknowledgements after the refusal', () => child.stdout.length > refusedAt + 30);
  child.kill('SIGKILL');
  await child.exit;
  const acknowledged = child.stdout.flatMap((line) => {
    const [, offset, digest] = /^ack (\d+) ([0-9a-f]+)$/.exec(line) ?? [];
    return offset === undefined ? [] : [{ offset: Number(offset), digest }];
  });
  const log = await openFileLog({ directory });
  await withPartitions(log, async ([partition]) => {
    const entries = await take(partition, 0, (await partition.append(text('end'))) + 1);
    for (const { offset, digest } of acknowledged) assert.equal(crc32(entries[offset]?.value ?? text('missing')).toString(16), digest);
  });
  await log.close();
});

test('for any failures of the disk, readers get the acknowledged entries, in order', async (t) => {
  const root = tempDir(t);
  let runs = 0;
  const outcomes = { acknowledged: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(70), { maxLength: 25 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 8, maxLength: 16 }),
      async (failing, waves) => {
        const directory = join(root, String(runs++));
        const disk = failingDisk(new Set(failing));
        const log = await openFileLog({ directory, segmentBytesMax: 250, retryMs: 0, openFile: disk.open });
        const acknowledged: string[] = [];
        const append = async (value: string) => {
          try {
            acknowledged[(await log.append('k', text(value))).offset] = value;
            outcomes.acknowledged += 1;
            return true;
          } catch (error) {
            assert.ok(error instanceof LogRefusedError && error.refusal !== 'closed', String(error));
            outcomes.refused += 1;
            return false;
          }
        };
        for (const [wave, size] of waves.entries()) {
          const taken = await Promise.all(
            Array.from({ length: size }, (_, index) => append(`${wave}.${index} ${'x'.repeat((wave * 37 + index) % 120)}`)),
          );
          assert.ok(
            taken.lastIndexOf(true) < (taken.includes(false) ? taken.indexOf(false) : size),
            'no append is accepted after a refusal',
          );
        }
        disk.repair();
        await append('last');
        assert.equal(acknowledged.at(-1), 'last', 'the log writes to a repaired disk at once');
        const check = async (opened: typeof log) =>
          withPartitions(opened, async ([partition]) => {
            const entries = await take(partition, 0, acknowledged.length);
            assert.deepEqual(
              entries.map(({ value }) => Buffer.from(value).toString()),
              acknowledged,
            );
          });
        await check(log);
        await log.close();
        const reopened = await openFileLog({ directory });
        await check(reopened);
        assert.equal((await reopened.append('k', text('more'))).offset, acknowledged.length);
        await reopened.close();
      },
    ),
    { numRuns: 40 },
  );
  assert.ok(outcomes.refused > 100 && outcomes.acknowledged > 100, JSON.stringify(outcomes));
});

test('while the disk fails, the log is not writable and refusals give the reason', async (t) => {
  const disk = failingDisk(new Set([1]));
  const warnings: unknown[] = [];
  const log = await openFileLog({
    directory: tempDir(t),
    openFile: disk.open,
    retryMs: 3_600_000,
    logger: { warn: (...args: unknown[]) => warnings.push(args) },
  });
  const [one, two] = await Promise.allSettled([log.append('k', text('1')), log.append('k', text('2'))]);
  for (const result of [one, two]) assert.ok(result.status === 'rejected' && result.reason.refusal === 'full');
  assert.equal(log.writable(), false);
  await assert.rejects(log.append('k', text('3')), { refusal: 'full' });
  assert.equal(warnings.length, 1);
  await log.close();
});

test('a commit that the disk refuses is retried until it is durable or the consumer leaves', async (t) => {
  const directory = tempDir(t);
  const warnings: unknown[] = [];
  const log = await openFileLog({ directory, logger: { warn: (...args: unknown[]) => warnings.push(args) } });
  await log.append('k', text('1'));
  await log.append('k', text('2'));
  // A directory that blocks the path of the file that a commit writes.
  const obstacle = join(directory, 'p=000/committed.tmp');
  const commits: Promise<void>[] = [];
  const consumer = await log.consume(async (partition) => {
    mkdirSync(obstacle);
    commits.push(partition.commit(1));
    await poll('two failures', () => warnings.length >= 2);
    assert.equal(log.writable(), false);
    rmdirSync(obstacle);
    await commits[0];
    assert.equal(await partition.committedOffset(), 1);
    assert.equal(log.writable(), true);
    mkdirSync(obstacle);
    commits.push(partition.commit(2));
    commits[1]?.catch(() => undefined);
  });
  await poll('another failure', () => commits.length === 2 && warnings.length >= 3);
  await consumer.close();
  await assert.rejects(commits[1] ?? Promise.resolve());
  rmdirSync(obstacle);
  await log.close();
  assert.equal(readFileSync(join(directory, 'p=000/committed'), 'utf8'), '1\n');
});

/**
 * Real files whose operations fail by their count: writes stop halfway with ENOSPC, failing data
 * syncs lose the data, and the others only throw.
 */
function failingDisk(failing: Set<number>): { open: (path: string, flags: string) => Promise<FileHandle>; repair: () => void } {
  let count = 0;
  const fails = () => failing.has(count++);
  const fault = (code: string) => Object.assign(new Error(`${code}: injected`), { code });
  return {
    repair: () => failing.clear(),
    open: async (path, flags) => {
      if (fails()) throw fault('EIO');
      const handle = await open(path, flags);
      const { writev, datasync, truncate, sync } = handle;
      let unsynced = { position: 0, bytes: 0 };
      return Object.assign(handle, {
        writev: async (buffers: Uint8Array[], position: number) => {
          const all = Buffer.concat(buffers);
          unsynced = { position, bytes: all.length };
          if (!fails()) return writev.call(handle, buffers, position);
          await handle.write(all, 0, all.length >> 1, position);
          throw fault('ENOSPC');
        },
        datasync: async () => {
          if (!fails()) return datasync.call(handle);
          await handle.write(Buffer.alloc(unsynced.bytes), 0, unsynced.bytes, unsynced.position);
          throw fault('EIO');
        },
        sync: async () => (fails() ? Promise.reject(fault('EIO')) : sync.call(handle)),
        truncate: async (size: number) => (fails() ? Promise.reject(fault('EIO')) : truncate.call(handle, size)),
      });
    },
  };
}
