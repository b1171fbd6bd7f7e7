// Members come, go, sleep and are replaced, on a real Apache Kafka. Every entry is processed, from
// the group's committed offset, by one member at a time. A member that lost a partition commits
// nothing more.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cleanUp } from '../../../../../test/support/clean-up.ts';
import { shareKafka } from '../../../../../test/support/kafka.ts';
import { poll } from '../../../../../test/support/poll.ts';
import { startProcess } from '../../../../../test/support/process.ts';
import { text } from '../contract.ts';
import type { Log, LogConsumer, LogPartition } from '../log.ts';
import { readKafkaOffsets } from './kafka-offsets.ts';
import { type KafkaLogOptions, openKafkaLog } from './open.ts';

const SESSION_MS = 2_000;
const kafka = shareKafka();
let topics = 0;

async function setUp(t: TestContext, partitions: number) {
  const shared = await kafka(t);
  if (shared === undefined) return undefined;
  const address = `kafka://${shared.bootstrap}/group-${topics++}`;
  const open = async (instanceId: string, options: Partial<KafkaLogOptions> = {}): Promise<Log> => {
    const log = await openKafkaLog({ address, partitions, replication: 1, sessionMs: SESSION_MS, instanceId, ...options });
    cleanUp(t, () => log.close());
    return log;
  };
  return { address, open, committed: async () => (await readKafkaOffsets({ address })).partitions };
}

/** The partitions that a member works on, kept up to date. */
async function hold(log: Log): Promise<{ held: Map<number, LogPartition>; consumer: LogConsumer; runs: () => number }> {
  const held = new Map<number, LogPartition>();
  let runs = 0;
  const consumer = await log.consume(async (partition, signal) => {
    runs += 1;
    held.set(partition.number, partition);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    held.delete(partition.number);
  });
  return { held, consumer, runs: () => runs };
}

test('members share the partitions evenly, and runs of kept partitions continue while others join and leave', async (t) => {
  const place = await setUp(t, 12);
  if (place === undefined) return;
  const first = await hold(await place.open('a'));
  await poll('all of them to be held', () => first.held.size === 12);
  const kept = [...first.held.entries()];
  const second = await hold(await place.open('b'));
  await poll('each member to hold half of them', () => first.held.size === 6 && second.held.size === 6);
  const third = await hold(await place.open('c'));
  await poll('each member to hold a third of them', () => [first, second, third].every(({ held }) => held.size === 4));
  assert.equal(new Set([first, second, third].flatMap(({ held }) => [...held.keys()])).size, 12);
  assert.equal(first.runs(), 12, 'no run of a kept partition was restarted');
  assert.ok([...first.held].every(([number, partition]) => kept.some(([n, p]) => n === number && p === partition)));
  await second.consumer.close();
  await third.consumer.close();
  await poll('all of them to be back', () => first.held.size === 12);
});

test('under load, members that join and leave miss no entry, repeat none that is committed, and never share a partition', async (t) => {
  const partitions = 6;
  const total = 3_000;
  const place = await setUp(t, partitions);
  if (place === undefined) return;
  const active = new Set<number>();
  const processed = new Map<number, number>();
  const seen = new Set<string>();
  const work = async (partition: LogPartition, signal: AbortSignal) => {
    assert.ok(!active.has(partition.number), `partition ${partition.number} has two members`);
    active.add(partition.number);
    try {
      let next = (await partition.committedOffset()) ?? 0;
      assert.ok(next <= (processed.get(partition.number) ?? 0), 'nothing is committed that was not processed');
      for await (const entries of partition.read(next, signal)) {
        for (const { offset, value } of entries) {
          assert.equal(offset, next++);
          seen.add(Buffer.from(value).toString());
        }
        processed.set(partition.number, Math.max(next, processed.get(partition.number) ?? 0));
        await partition.commit(next);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      active.delete(partition.number);
    }
  };
  const failures: unknown[] = [];
  const join = async (name: string) => {
    const consumer = await (await place.open(name)).consume(work);
    consumer.failed.catch((error: unknown) => failures.push(error));
    return consumer;
  };
  const writer = await place.open('writer');
  let written = 0;
  const write = async (lane: number) => {
    for (let index = lane; index < total; index += 20) {
      await writer.append(`key-${index % 50}`, text(`${index}`));
      written += 1;
    }
  };
  const writing = Promise.all(Array.from({ length: 20 }, (_, lane) => write(lane)));
  const members = [await join('m0')];
  for (let change = 1; change <= 6; change++) {
    await poll(`change ${change}`, () => written >= (change * total) / 8 || failures.length > 0);
    if (change % 3 === 0) await members.shift()?.close();
    else members.push(await join(`m${change}`));
  }
  await writing;
  await poll('every entry to be processed', () => seen.size === total || failures.length > 0, { timeoutMs: 40_000 });
  assert.deepEqual(failures, []);
  const ends = [...processed.entries()].sort(([a], [b]) => a - b).map(([, end]) => end);
  await poll('all to be committed', async () => JSON.stringify(await place.committed()) === JSON.stringify(ends));
  assert.equal(
    ends.reduce((sum, end) => sum + end, 0),
    total,
  );
  await Promise.all(members.map((member) => member.close()));
});

test('a process that comes back under its name gets its partitions back at once; one that still has the name continues without it', async (t) => {
  const place = await setUp(t, 4);
  if (place === undefined) return;
  const log = await place.open('twin');
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await log.append(key, text(key));
  const first = await hold(log);
  await poll('all of them to be held', () => first.held.size === 4);
  const [partition] = [...first.held.values()];
  assert.ok(partition !== undefined);
  const second = await hold(await place.open('twin'));
  await poll('both members to hold partitions', () => first.held.size === 2 && second.held.size === 2);
  await assert.rejects(
    partition.commit(0).then(() => partition.commit(1)),
    { name: 'AbortError' },
  );
  await first.consumer.close();
  await poll('the other member to hold all', () => second.held.size === 4);
});

test('a process that was suspended past its session timeout commits nothing when it resumes, and joins again', async (t) => {
  const place = await setUp(t, 1);
  if (place === undefined) return;
  const log = await place.open('awake');
  const child = startProcess(t, [
    new URL('group-member.test-child.ts', import.meta.url).pathname,
    place.address,
    'sleeper',
    `${SESSION_MS}`,
  ]);
  for (let index = 0; index < 10; index++) await log.append('k', text(`${index}`));
  await child.untilLine(/read to 10/);
  child.kill('SIGSTOP');
  const other = await hold(log);
  await poll('the partition to change hands', () => other.held.size === 1);
  const partition = other.held.get(0);
  assert.equal(await partition?.committedOffset(), undefined);
  for (let index = 10; index < 15; index++) await log.append('k', text(`${index}`));
  await partition?.commit(15);
  child.kill('SIGCONT');
  child.stdin.write('\n');
  await child.untilLine(/refused 10, taken away/);
  await child.untilLine(/run ended/);
  assert.deepEqual(await place.committed(), [15]);
  assert.equal(other.held.get(0), partition, 'the new holder keeps it');
  await other.consumer.close();
  await child.untilLine(/run from 15/);
  await log.append('k', text('15'));
  child.stdin.write('\n');
  await child.untilLine(/committed 16/);
});

test('a process that is killed and comes back under its name gets its partitions back; other members keep theirs', async (t) => {
  const place = await setUp(t, 2);
  if (place === undefined) return;
  // So long that waiting for the session's end would fail the test.
  const sessionMs = 600_000;
  const log = await place.open('stays', { sessionMs });
  const other = await hold(log);
  await poll('all to be held', () => other.held.size === 2);
  const program = new URL('group-member.test-child.ts', import.meta.url).pathname;
  const start = () => startProcess(t, [program, place.address, 'comes-back', `${sessionMs}`]);
  const child = start();
  await child.untilLine(/run from/);
  await poll('each member to have one partition', () => other.held.size === 1);
  const runs = other.runs();
  child.kill('SIGKILL');
  await child.exit;
  await start().untilLine(/run from/);
  assert.deepEqual([other.held.size, other.runs()], [1, runs]);
});

test('two topics with one group are refused', async (t) => {
  const [one, two] = [await setUp(t, 1), await setUp(t, 1)];
  if (one === undefined || two === undefined) return;
  const group = `shared-${topics}`;
  const first = await hold(await one.open('one', { group }));
  const second = await hold(await two.open('two', { group }));
  await assert.rejects(Promise.race([first.consumer.failed, second.consumer.failed]), { code: 'CONFIGURATION', message: /--kafka-group/ });
});
