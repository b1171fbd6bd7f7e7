// Micro benchmark: the file log's durable appends against the least that they can cost on this
// disk. That is a loop that writes the same bytes in groups of the same size to one file, each with
// one write and one fdatasync. Rounds are interleaved.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { recordBytes } from '../../packages/server/src/log/file/record.ts';

/** A ratio: the log's throughput over the plain loop's. 1 is the limit of the disk. */
export interface BenchResult {
  name: string;
  ratio: number;
  unit: string;
  details: Record<string, number | string>;
}

const KEY = 'studio-1';

/**
 * Times both for groups of 1, 16 and 256 entries of 8 KiB. `quick` takes fewer rounds. The ratio is
 * that of groups of 16.
 */
export async function run(options: { quick: boolean }): Promise<BenchResult> {
  // HAYATE_BENCH_DIRECTORY names a folder on the disk to measure, if the temporary directory is on
  // another disk.
  const directory = await mkdtemp(join(process.env.HAYATE_BENCH_DIRECTORY ?? tmpdir(), 'hayate-bench-'));
  const rounds = options.quick ? 5 : 25;
  const groups = options.quick ? 40 : 100;
  const value = Buffer.alloc(8192, 7);
  const details: Record<string, number | string> = { rounds, groupsPerRound: groups, valueBytes: value.length };
  let ratio = 0;
  const log = await openFileLog({ directory: join(directory, 'log'), retainBytes: 0 });
  // Commits like an archiver, so that the log deletes the files of earlier rounds.
  let commit = async (_offset: number): Promise<void> => {};
  const consumer = await log.consume(async (partition) => {
    commit = (offset) => partition.commit(offset);
  });
  try {
    for (const entries of [1, 16, 256]) {
      const plainMs: number[] = [];
      const logMs: number[] = [];
      for (let round = -1; round < rounds; round++) {
        const plain = await plainLoop(join(directory, 'plain'), groups, entries * recordBytes(KEY.length, value.length));
        const begin = performance.now();
        let next = 0;
        for (let group = 0; group < groups; group++) {
          const taken = await Promise.all(Array.from({ length: entries }, () => log.append(KEY, value)));
          next = (taken.at(-1)?.offset ?? 0) + 1;
        }
        const took = performance.now() - begin;
        await commit(next);
        if (round < 0) continue;
        plainMs.push(plain / groups);
        logMs.push(took / groups);
      }
      const [plainP50, logP50] = [quantile(plainMs, 0.5), quantile(logMs, 0.5)];
      if (entries === 16) ratio = plainP50 / logP50;
      details[`groupOf${entries}Ratio`] = round2(plainP50 / logP50);
      details[`groupOf${entries}LogMsP50`] = round2(logP50);
      details[`groupOf${entries}LogMsP99`] = round2(quantile(logMs, 0.99));
      details[`groupOf${entries}PlainMsP50`] = round2(plainP50);
      details[`groupOf${entries}PlainMsP99`] = round2(quantile(plainMs, 0.99));
      details[`groupOf${entries}LogMBPerSecond`] = round2((entries * value.length) / logP50 / 1000);
    }
  } finally {
    await consumer.close();
    await log.close();
    await rm(directory, { recursive: true, force: true });
  }
  return { name: 'file log: durable appends against write + fdatasync of the same groups', ratio, unit: 'x', details };
}

/** Milliseconds for `groups` writes of `bytes` to a new file, each of them synced. */
async function plainLoop(path: string, groups: number, bytes: number): Promise<number> {
  const buffer = Buffer.alloc(bytes, 7);
  const file = await open(path, 'w');
  try {
    const begin = performance.now();
    for (let group = 0; group < groups; group++) {
      await file.write(buffer, 0, bytes, group * bytes);
      await file.datasync();
    }
    return performance.now() - begin;
  } finally {
    await file.close();
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
