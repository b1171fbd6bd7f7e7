// In: a Kafka under test. Out: what tests do to it behind the log's back: topics with any settings, records deleted,
// transactions, and whoever else writes.
import type { TestContext } from 'node:test';
import { Admin, ProduceAcks, Producer } from '@platformatic/kafka';
import { cleanUp } from './clean-up.ts';
import type { Kafka } from './kafka.ts';

/** Settings of a topic that is fit as a log on one broker. */
export const fitSettings: Readonly<Record<string, string>> = {
  'message.timestamp.type': 'LogAppendTime',
  'cleanup.policy': 'delete',
  'unclean.leader.election.enable': 'false',
  'min.insync.replicas': '1',
  'retention.ms': '-1',
  'retention.bytes': '-1',
};

/** What a test does to a Kafka. */
export interface KafkaAdmin {
  /** Makes a topic with `fitSettings`, some replaced. */
  createTopic(topic: string, options?: { partitions?: number; replicas?: number; settings?: Record<string, string> }): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  /** Adds partitions until there are so many. */
  growTopic(topic: string, partitions: number): Promise<void>;
  /** Deletes the records of partition 0 before `offset`. */
  deleteRecords(topic: string, offset: number): Promise<void>;
  /** Writes records to partition 0 within a transaction that is committed. */
  transact(topic: string, values: readonly string[]): Promise<void>;
  /** Writes one record with a key, to the partition that the library's port of Java's partitioner chooses; resolves to that. */
  produce(topic: string, key: string, value: string): Promise<number>;
}

/** Opens it for the test `t`. */
export const openKafkaAdmin = (t: TestContext, { bootstrap }: Kafka): KafkaAdmin => {
  const common = { clientId: 'test', bootstrapBrokers: bootstrap.split(',') };
  const admin = new Admin(common);
  cleanUp(t, () => admin.close());
  return {
    createTopic: async (topic, { partitions = 1, replicas = 1, settings = {} } = {}) => {
      const configs = Object.entries({ ...fitSettings, ...settings }).map(([name, value]) => ({ name, value }));
      await admin.createTopics({ topics: [topic], partitions, replicas, configs });
    },
    deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
    growTopic: (topic, count) => admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] }),
    deleteRecords: async (topic, offset) => {
      await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: BigInt(offset) }] }] });
    },
    transact: async (topic, values) => {
      const producer = new Producer({ ...common, idempotent: true, transactionalId: `test-${topic}` });
      cleanUp(t, () => producer.close());
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: values.map((value) => ({ topic, partition: 0, value: Buffer.from(value) })) });
      await transaction.commit();
    },
    produce: async (topic, key, value) => {
      const producer = new Producer(common);
      cleanUp(t, () => producer.close());
      const messages = [{ topic, key: Buffer.from(key), value: Buffer.from(value) }];
      const { offsets } = await producer.send({ messages, acks: ProduceAcks.ALL });
      return offsets?.[0]?.partition ?? -1;
    },
  };
};
