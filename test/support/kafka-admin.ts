// In: a Kafka under test. Out: the operations that tests apply to it without going through the log:
// topics with any settings, deleted records, transactions, and writes by other producers.
import type { TestContext } from 'node:test';
import { Admin, ProduceAcks, Producer } from '@platformatic/kafka';
import { cleanUp } from './clean-up.ts';
import type { Kafka } from './kafka.ts';

/** Settings of a topic that can serve as a log on one broker. */
const fitSettings: Readonly<Record<string, string>> = {
  'message.timestamp.type': 'LogAppendTime',
  'cleanup.policy': 'delete',
  'unclean.leader.election.enable': 'false',
  'min.insync.replicas': '1',
  'retention.ms': '-1',
  'retention.bytes': '-1',
};

/** Operations that a test applies to a Kafka. */
interface KafkaAdmin {
  /** Makes a topic with `fitSettings`, some of them replaced. */
  createTopic(topic: string, options?: { partitions?: number; replicas?: number; settings?: Record<string, string> }): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  /** Adds partitions until the topic has `partitions` of them. */
  growTopic(topic: string, partitions: number): Promise<void>;
  /** Deletes the records of partition 0 before `offset`. */
  deleteRecords(topic: string, offset: number): Promise<void>;
  /** Writes records to partition 0 in a transaction and commits it. */
  transact(topic: string, values: readonly string[]): Promise<void>;
  /**
   * Writes one record with a key to the partition that the library's port of Java's partitioner
   * chooses; resolves to that partition.
   */
  produce(topic: string, key: string, value: string): Promise<number>;
}

/** Opens an admin connection for the test `t`. */
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
