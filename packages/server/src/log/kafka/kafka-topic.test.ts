// The settings that a topic needs to be a log, and the effects of changes to a log's topic, on a
// real Apache Kafka.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { cleanUp } from '../../../../../test/support/clean-up.ts';
import { shareKafka } from '../../../../../test/support/kafka.ts';
import { openKafkaAdmin } from '../../../../../test/support/kafka-admin.ts';
import { poll } from '../../../../../test/support/poll.ts';
import { take, text, withPartitions } from '../contract.ts';
import type { LogPartition } from '../log.ts';
import { type KafkaLogOptions, openKafkaLog } from './open.ts';

const kafka = shareKafka();
let topics = 0;

async function setUp(t: TestContext) {
  const shared = await kafka(t);
  if (shared === undefined) return undefined;
  const topic = `topic-${topics++}`;
  const address = `kafka://${shared.bootstrap}/${topic}`;
  const open = async (options: Partial<KafkaLogOptions> = {}) => {
    const log = await openKafkaLog({ address, replication: 1, ...options });
    cleanUp(t, () => log.close());
    return log;
  };
  return { topic, address, admin: openKafkaAdmin(t, shared), open };
}

test('a topic that could lose acknowledged entries is refused, with each setting and its required value', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  const { admin, open, topic } = place;
  await admin.createTopic(topic, {
    settings: {
      'message.timestamp.type': 'CreateTime',
      'cleanup.policy': 'compact,delete',
      'unclean.leader.election.enable': 'true',
      'min.insync.replicas': '2',
      'retention.ms': '3600000',
      'retention.bytes': '1000000000',
      'max.message.bytes': '65536',
    },
  });
  await assert.rejects(open({ partitions: 4 }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'CONFIGURATION');
    assert.deepEqual(error.message.replace(`topic ${topic} cannot be used as a log: `, '').split('; '), [
      'message.timestamp.type is CreateTime and must be LogAppendTime',
      'cleanup.policy is compact,delete and must be delete',
      'unclean.leader.election.enable is true and must be false',
      'min.insync.replicas is 2 and must be at most 1, the number of copies',
      'retention.ms is 3600000 and must be -1 or at least 86400000',
      'retention.bytes is 1000000000 and must be -1: a size limit deletes entries that are not archived yet',
      'max.message.bytes is 65536 and must be at least 1000000',
      'it has 1 partitions, which cannot change to 4',
    ]);
    return true;
  });
});

test('an existing topic with suitable settings is used, with its partitions', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  await place.admin.createTopic(place.topic, { partitions: 5 });
  const log = await place.open();
  assert.equal(log.partitionCount, 5);
  await assert.rejects(log.append('k', new Uint8Array(1_100_000)), RangeError);
  assert.equal((await log.append('k', new Uint8Array(900_000))).offset, 0);
});

test('a topic with more copies than brokers is not created; one with a single copy is, with a warning', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  await assert.rejects(place.open({ replication: 3 }), { code: 'CONFIGURATION', message: /--kafka-replication/ });
  const lines: string[] = [];
  await place.open({ replication: 1, logger: pino({ level: 'warn' }, { write: (line) => void lines.push(line) }) });
  assert.match(lines.join(), /one broker only/);
});

test('an unreachable address is refused, and so is an invalid one', async () => {
  await assert.rejects(openKafkaLog({ address: 'kafka://127.0.0.1:1/topic' }), { code: 'UNREACHABLE', message: /127\.0\.0\.1:1/ });
  for (const address of [
    'kafka://host/topic',
    'kafka://host:0/t',
    'kafka://user:secret@host:9092/t',
    'kafka://host:9092/',
    'kafka://:9092/t',
  ])
    await assert.rejects(openKafkaLog({ address }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'CONFIGURATION');
      assert.ok(!error.message.includes('secret'));
      return true;
    });
});

test('other producers use the same partition for a key', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  const log = await place.open({ partitions: 7 });
  for (const key of ['hoshi', 'stream-7', 'große Schlüssel 鍵', 'A_b-9'])
    assert.equal(await place.admin.produce(place.topic, key, 'theirs'), (await log.append(key, text('ours'))).partition);
});

test('a transaction leaves a gap in the offsets, and a gap is corrupt', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  const log = await place.open({ partitions: 1 });
  await log.append('k', text('ours'));
  await place.admin.transact(place.topic, ['theirs', 'as well']);
  await withPartitions(log, async ([partition]) => {
    assert.equal((await take(partition, 0, 3)).length, 3);
    // The marker arrives some time after the commit.
    const behind = poll('the marker', () => log.append('k', text('behind')).then(({ offset }) => offset > 30));
    await assert.rejects(take(partition, 0, 1_000), { code: 'CORRUPT', message: /^partition 0, entry \d+: it is a transaction marker$/ });
    await behind;
  });
});

test('deleted entries are reported as not found, from any position, and never skipped', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  const log = await place.open({ partitions: 1 });
  for (let index = 0; index < 20; index++) await log.append('k', text(`${index}`));
  const runs: LogPartition[] = [];
  const consumer = await log.consume(async (partition, signal) => {
    runs.push(partition);
    await partition.commit(5);
    await place.admin.deleteRecords(place.topic, 10);
    const committed = await partition.committedOffset();
    for await (const _ of partition.read(committed ?? 0, signal)) assert.fail('nothing can be read from there');
  });
  await assert.rejects(consumer.failed, { code: 'NOT_FOUND', message: 'partition 0: offset 5 is no longer kept; the oldest is 10' });
  const [partition] = runs;
  assert.ok(partition !== undefined);
  assert.equal(await partition.earliestOffset(), 10);
  assert.equal((await take(partition, 10, 10)).length, 10);
  await consumer.close();
});

test('a group without a committed offset fails if entries are gone', async (t) => {
  const place = await setUp(t);
  if (place === undefined) return;
  const log = await place.open({ partitions: 1 });
  for (let index = 0; index < 5; index++) await log.append('k', text(`${index}`));
  await place.admin.deleteRecords(place.topic, 3);
  await withPartitions(log, async ([partition]) => {
    const gone = { code: 'CORRUPT', message: 'partition 0: nothing is committed, but entries before 3 are gone' };
    await assert.rejects(partition.committedOffset(), gone);
    await assert.rejects(partition.commit(4), gone);
  });
});

test('a topic that gets more partitions, or is recreated, is another log: all appends are refused', async (t) => {
  for (const change of ['grow', 'replace']) {
    const place = await setUp(t);
    if (place === undefined) return;
    const { admin, open, topic } = place;
    const log = await open({ partitions: 2 });
    await log.append('k', text('before'));
    let running = 0;
    const consumer = await log.consume(async (partition, signal) => {
      running += 1;
      for await (const _ of partition.read(0, signal));
    });
    await poll('both partitions assigned', () => running === 2);
    if (change === 'grow') await admin.growTopic(topic, 3);
    else {
      await admin.deleteTopic(topic);
      await poll('the topic to be recreated', async () => {
        await admin.createTopic(topic, { partitions: 2 });
        return true;
      });
    }
    const refused = await poll('appends to be refused for good', () =>
      log.append('k', text('after')).then(
        () => undefined,
        (error: Error) => (/was recreated|has 3 partitions now, not 2/.test(error.message) ? error : undefined),
      ),
    );
    assert.equal('refusal' in refused && refused.refusal, 'failed');
    assert.equal(log.writable(), false);
    await assert.rejects(consumer.failed, { code: 'CONFLICT' });
    await consumer.close();
    await log.close();
  }
});
