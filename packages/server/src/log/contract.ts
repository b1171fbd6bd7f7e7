// The promises of every log adapter, as tests. In: a way to open the adapter on storage that
// outlives it. The same suite runs against each adapter, with real files or a real server.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { poll } from '../../../../test/support/poll.ts';
import type { Log, LogConsumer, LogEntry, LogPartition } from './log.ts';

/**
 * Makes a new, empty log with this many partitions, which the test `t` can open, close and reopen.
 * Undefined if the test was skipped.
 */
type OpenLog = (t: TestContext, partitions: number) => Promise<{ open: () => Promise<Log> } | undefined>;

/** Registers the suite for the adapter `name`. */
export function logContract(name: string, place: OpenLog): void {
  const withLog = (what: string, partitions: number, run: (log: Log, reopen: () => Promise<Log>, t: TestContext) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const placed = await place(t, partitions);
      if (placed === undefined) return;
      const { open } = placed;
      let log = await open();
      const reopen = async () => {
        await log.close();
        log = await open();
        return log;
      };
      try {
        await run(log, reopen, t);
      } finally {
        await log.close();
      }
    });

  withLog('an empty log has an id, accepts appends and waits for its first entry', 1, async (log) => {
    assert.match(log.id, /^[A-Za-z0-9_-]{1,64}$/);
    assert.equal(log.partitionCount, 1);
    assert.ok(log.writable());
    await withPartitions(log, async ([partition]) => {
      assert.equal(await partition.earliestOffset(), 0);
      assert.equal(await partition.committedOffset(), undefined);
      const reading = take(partition, 0, 1);
      await log.append('first', text('hello'));
      assert.deepEqual((await reading).map(shown), ['first: hello']);
    });
  });

  withLog('entries of a key lie in one partition, in the order of the appends', 4, async (log) => {
    const keys = Array.from({ length: 40 }, (_, index) => `stream-${index}`);
    const taken = await Promise.all(
      keys.flatMap((key) => Array.from({ length: 5 }, async (_, index) => ({ key, index, ...(await log.append(key, text(`${index}`))) }))),
    );
    const partitionOfKey = new Map(taken.map(({ key, partition }) => [key, partition]));
    assert.ok(taken.every(({ key, partition }) => partitionOfKey.get(key) === partition));
    assert.ok(new Set(partitionOfKey.values()).size > 1, 'keys spread over partitions');
    await withPartitions(log, async (partitions) => {
      assert.deepEqual(
        partitions.map(({ number }) => number),
        [0, 1, 2, 3],
      );
      for (const partition of partitions) {
        const expected = taken.filter((entry) => entry.partition === partition.number).sort((a, b) => a.offset - b.offset);
        const entries = await take(partition, 0, expected.length);
        assert.deepEqual(
          entries.map(({ offset }) => offset),
          expected.map((_, index) => index),
          'offsets rise by exactly 1',
        );
        assert.deepEqual(
          entries.map(shown),
          expected.map(({ key, index }) => `${key}: ${index}`),
        );
        for (const key of keys) {
          const own = entries.filter((entry) => entry.key === key).map(shown);
          assert.deepEqual(own, own.length === 0 ? [] : [0, 1, 2, 3, 4].map((index) => `${key}: ${index}`));
        }
      }
    });
  });

  withLog('id, entries, partitions of keys and commits survive a close', 3, async (log, reopen) => {
    const { id } = log;
    const before = await Promise.all(['a', 'b', 'c', 'd'].map((key) => log.append(key, text(key))));
    const target = before[0]?.partition ?? 0;
    await withPartitions(log, async (partitions) => partitions[target]?.commit(1));
    const again = await reopen();
    assert.equal(again.id, id);
    const after = await Promise.all(['a', 'b', 'c', 'd'].map((key) => again.append(key, text(`${key}2`))));
    assert.deepEqual(
      after.map(({ partition }) => partition),
      before.map(({ partition }) => partition),
    );
    await withPartitions(again, async (partitions) => {
      for (const partition of partitions) {
        assert.equal(await partition.committedOffset(), partition.number === target ? 1 : undefined);
        const count = [...before, ...after].filter((entry) => entry.partition === partition.number).length;
        const entries = await take(partition, 0, count);
        assert.deepEqual(
          entries.map(({ offset }) => offset),
          Array.from({ length: count }, (_, index) => index),
        );
      }
    });
  });

  withLog('a commit only moves forward and never beyond the end', 1, async (log) => {
    for (let index = 0; index < 5; index++) await log.append('k', text(`${index}`));
    await withPartitions(log, async ([partition]) => {
      await Promise.all([partition.commit(2), partition.commit(4), partition.commit(3)]);
      assert.equal(await partition.committedOffset(), 4);
      await partition.commit(1);
      assert.equal(await partition.committedOffset(), 4);
      await partition.commit(5);
      await assert.rejects(async () => partition.commit(6), RangeError);
      await assert.rejects(async () => partition.commit(-1), RangeError);
      assert.equal(await partition.committedOffset(), 5);
    });
  });

  withLog('reading begins at any kept offset', 1, async (log) => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => log.append('k', text(`${index}`))));
    await withPartitions(log, async ([partition]) => {
      for (const from of [0, 1, 17, 49]) {
        const entries = await take(partition, from, 50 - from);
        assert.deepEqual(
          entries.map(({ offset, value }) => [offset, Buffer.from(value).toString()]),
          Array.from({ length: 50 - from }, (_, index) => [from + index, `${from + index}`]),
        );
      }
      await assert.rejects(take(partition, 51, 1), RangeError);
    });
  });

  withLog('a reader receives entries that are appended while it reads', 1, async (log) => {
    const total = 400;
    await withPartitions(log, async ([partition]) => {
      const reading = Promise.all([take(partition, 0, total), take(partition, 0, total)]);
      const writer = async (key: string) => {
        for (let index = 0; index < total / 4; index++) await log.append(key, text(`${index}`));
      };
      await Promise.all(['a', 'b', 'c', 'd'].map(writer));
      const [one, two] = await reading;
      assert.deepEqual(one, two);
      for (const key of ['a', 'b', 'c', 'd'])
        assert.deepEqual(
          one.filter((entry) => entry.key === key).map(shown),
          Array.from({ length: total / 4 }, (_, index) => `${key}: ${index}`),
        );
    });
  });

  withLog('values of 0 bytes to over 1 MiB are read back unchanged', 1, async (log, reopen) => {
    const values = [0, 1, 2 ** 20, 7, 2 ** 20 + 12_345, 0, 300_000].map((size) => randomBytes(size));
    await Promise.all(values.map((value) => log.append('große Schlüssel 鍵', value)));
    await withPartitions(await reopen(), async ([partition]) => {
      const entries = await take(partition, 0, values.length);
      assert.ok(entries.every(({ key }) => key === 'große Schlüssel 鍵'));
      assert.ok(values.every((value, index) => value.equals(entries[index]?.value ?? new Uint8Array([1]))));
    });
  });

  withLog('ticks go to the partition they are appended to, without a key', 3, async (log) => {
    await withPartitions(log, async (partitions) => {
      for (const partition of partitions) assert.equal(await partition.append(text(`tick ${partition.number}`)), 0);
      for (const partition of partitions) assert.deepEqual((await take(partition, 0, 1)).map(shown), [`: tick ${partition.number}`]);
    });
  });

  withLog('append times are not before the append', 1, async (log) => {
    const before = Date.now();
    await log.append('k', text('v'));
    await withPartitions(log, async ([partition]) => {
      const [entry] = await take(partition, 0, 1);
      assert.ok(
        entry !== undefined && Number.isInteger(entry.appendTimeMs) && entry.appendTimeMs >= before && entry.appendTimeMs <= Date.now(),
      );
    });
  });

  withLog('closing the consumer ends a waiting reader, and the group can be joined again', 2, async (log) => {
    let ended = 0;
    let waiting = 0;
    const consumer = await log.consume(async (partition, signal) => {
      waiting += 1;
      for await (const _ of partition.read(0, signal)) assert.fail('nothing was appended');
      ended += 1;
    });
    await poll('both partitions assigned', () => waiting === 2);
    await consumer.close();
    assert.equal(ended, 2);
    await withPartitions(log, async (partitions) => assert.equal(partitions.length, 2));
  });

  withLog('the consumer reports a run that throws', 1, async (log) => {
    const consumer = await log.consume(async () => {
      throw new Error('cannot continue');
    });
    await assert.rejects(consumer.failed, /cannot continue/);
    await consumer.close();
  });

  withLog('after close, appends are refused as closed', 1, async (log) => {
    const taken = log.append('k', text('in time'));
    const closing = log.close();
    await assert.rejects(log.append('k', text('late')), { name: 'LogRefusedError', refusal: 'closed' });
    await closing;
    assert.equal((await taken).offset, 0);
    assert.equal(log.writable(), false);
  });
}

/** The bytes of a short text. */
export const text = (value: string): Uint8Array => Buffer.from(value);

const shown = ({ key, value }: LogEntry): string => `${key}: ${Buffer.from(value).toString()}`;

/** Reads exactly `count` entries, from `offset` on. */
export async function take(partition: LogPartition, offset: number, count: number): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  if (count === 0) return entries;
  // The timeout only ends a run that would hang.
  for await (const batch of partition.read(offset, AbortSignal.timeout(30_000))) {
    assert.ok(batch.length > 0, 'a batch has entries');
    entries.push(...batch);
    if (entries.length >= count) break;
  }
  assert.equal(entries.length, count);
  return entries;
}

/** Runs `use` with all partitions, as the only member of the group. */
export async function withPartitions(log: Log, use: (partitions: [LogPartition, ...LogPartition[]]) => Promise<unknown>): Promise<void> {
  const assigned: LogPartition[] = [];
  let consumer: LogConsumer | undefined;
  try {
    consumer = await log.consume(async (partition, signal) => {
      assigned.push(partition);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    });
    await poll('every partition assigned', () => assigned.length === log.partitionCount);
    const [first, ...rest] = assigned.sort((a, b) => a.number - b.number);
    assert.ok(first !== undefined);
    await use([first, ...rest]);
  } finally {
    await consumer?.close();
  }
}
