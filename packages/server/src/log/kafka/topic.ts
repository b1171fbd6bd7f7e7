// The topic of a log. It is created if it is missing, and refused if its settings could lose
// acknowledged entries. In: the operator's settings. Out: the topic, and the longest entry it
// takes.

import { setTimeout as wait } from 'node:timers/promises';
import { ConfigResourceTypes, createTopicsV7, describeConfigsV4 } from '@platformatic/kafka';
import type { Logger } from 'pino';
import { nowMonotonicMs } from '../../kernel/clock.ts';
import { HayateError } from '../../kernel/error.ts';
import { checkBrokerApis } from './broker-api.ts';
import type { Cluster, TopicView } from './cluster.ts';
import { faultOf } from './fault.ts';
import { BATCH_HEAD_BYTES } from './record-batch.ts';

/** The settings of a new topic. */
interface TopicPlan {
  /** Undefined: any number in an existing topic, 16 in a new one. */
  readonly partitions: number | undefined;
  readonly replication: number;
  /** Milliseconds. */
  readonly retentionMs: number;
}

/** A topic that can be used as a log. */
export interface FitTopic {
  readonly view: TopicView;
  /** The most bytes of one entry, key and value together. */
  readonly entryBytesMax: number;
  /** The number of in-sync copies that an append needs. */
  readonly minInSync: number;
}

/**
 * A topic must keep entries at least this long. It is the longest absence of the archiver that
 * loses no entries.
 */
const RETENTION_MS_MIN = 24 * 3_600_000;
/** The longest entry of any log. */
export const ENTRY_BYTES_MAX = 16 * 2 ** 20;
/**
 * The least max.message.bytes of a topic. Frames are batched to about 128 KiB, and Kafka's own
 * default is about this size.
 */
const MESSAGE_BYTES_MIN = 1_000_000;
const PARTITIONS = 16;
const CREATE_TIMEOUT_MS = 20_000;
/** The most bytes that a batch adds to its only entry. */
const OVERHEAD_BYTES = BATCH_HEAD_BYTES + 24;

const SETTINGS = [
  'message.timestamp.type',
  'cleanup.policy',
  'unclean.leader.election.enable',
  'min.insync.replicas',
  'retention.ms',
  'retention.bytes',
  'max.message.bytes',
] as const;
type Settings = Readonly<Record<(typeof SETTINGS)[number], string>>;

/**
 * Returns the topic, and creates it if necessary. Throws CONFIGURATION if it cannot be used, naming
 * each setting and its required value; UNREACHABLE if no broker answers, or the topic does not come
 * up.
 */
export async function openTopic(cluster: Cluster, plan: TopicPlan, logger?: Pick<Logger, 'warn' | 'info'>): Promise<FitTopic> {
  await checkBrokerApis(cluster);
  const found = await cluster.refresh();
  if (found === undefined) {
    await createTopic(cluster, plan);
    logger?.info({ topic: cluster.topic, partitions: plan.partitions ?? PARTITIONS, replication: plan.replication }, 'created a topic');
  }
  const view = await awaitLeaders(cluster);
  const settings = await readSettings(cluster);
  const replication = Math.min(...view.partitions.map(({ replicas }) => replicas));
  const faults = unfitness(settings, replication);
  if (plan.partitions !== undefined && plan.partitions !== view.partitions.length)
    faults.push(`it has ${view.partitions.length} partitions, which cannot change to ${plan.partitions}`);
  if (faults.length > 0) throw new HayateError('CONFIGURATION', `topic ${cluster.topic} cannot be used as a log: ${faults.join('; ')}`);
  const minInSync = Number(settings['min.insync.replicas']);
  if (minInSync < 2)
    logger?.warn(
      { topic: cluster.topic, replication, minInSync },
      'acknowledged entries may be on one broker only and are lost with it: use replication 3 and min.insync.replicas=2',
    );
  const entryBytesMax = Math.min(ENTRY_BYTES_MAX, Number(settings['max.message.bytes']) - OVERHEAD_BYTES);
  return { view, entryBytesMax, minInSync };
}

/** The settings that make a topic unusable, each with its required value. */
function unfitness(settings: Settings, replication: number): string[] {
  const number = (name: keyof Settings) => Number(settings[name]);
  const faults: string[] = [];
  const must = (fit: boolean, name: keyof Settings, be: string) => {
    if (!fit) faults.push(`${name} is ${settings[name]} and must be ${be}`);
  };
  must(settings['message.timestamp.type'] === 'LogAppendTime', 'message.timestamp.type', 'LogAppendTime');
  must(!settings['cleanup.policy'].includes('compact'), 'cleanup.policy', 'delete');
  must(settings['unclean.leader.election.enable'] === 'false', 'unclean.leader.election.enable', 'false');
  must(replication < 3 || number('min.insync.replicas') >= 2, 'min.insync.replicas', `2 or more, with ${replication} copies`);
  must(number('min.insync.replicas') <= replication, 'min.insync.replicas', `at most ${replication}, the number of copies`);
  const keeps = number('retention.ms') < 0 || number('retention.ms') >= RETENTION_MS_MIN;
  must(keeps, 'retention.ms', `-1 or at least ${RETENTION_MS_MIN}`);
  must(number('retention.bytes') < 0, 'retention.bytes', '-1: a size limit deletes entries that are not archived yet');
  must(number('max.message.bytes') >= MESSAGE_BYTES_MIN, 'max.message.bytes', `at least ${MESSAGE_BYTES_MIN}`);
  return faults;
}

async function createTopic(cluster: Cluster, { partitions = PARTITIONS, replication, retentionMs }: TopicPlan): Promise<void> {
  const settings: Settings = {
    'message.timestamp.type': 'LogAppendTime',
    'cleanup.policy': 'delete',
    'unclean.leader.election.enable': 'false',
    'min.insync.replicas': replication >= 3 ? '2' : '1',
    'retention.ms': String(retentionMs),
    'retention.bytes': '-1',
    'max.message.bytes': String(ENTRY_BYTES_MAX + OVERHEAD_BYTES),
  };
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const topic = { name: cluster.topic, numPartitions: partitions, replicationFactor: replication, assignments: [], configs };
  try {
    await cluster.callController(createTopicsV7.api, [topic], CREATE_TIMEOUT_MS, false);
  } catch (cause) {
    const fault = faultOf(cause);
    // Another process was first; its topic is checked like any other.
    if (fault === 'TOPIC_ALREADY_EXISTS') return;
    const hint = fault === 'INVALID_REPLICATION_FACTOR' ? `: there are fewer brokers than ${replication} (--kafka-replication)` : '';
    throw new HayateError('CONFIGURATION', `topic ${cluster.topic} does not exist and cannot be created: ${fault}${hint}`, { cause });
  }
}

/**
 * Not all brokers know a new topic at once. Repeats `ask` until it returns a value, or until the
 * time for a creation is over.
 */
async function untilKnown<T>(ask: (last: boolean) => Promise<T | undefined>): Promise<T | undefined> {
  const deadlineMs = nowMonotonicMs() + CREATE_TIMEOUT_MS;
  for (;;) {
    const last = nowMonotonicMs() > deadlineMs;
    const known = await ask(last);
    if (known !== undefined || last) return known;
    await wait(100);
  }
}

async function awaitLeaders(cluster: Cluster): Promise<TopicView> {
  const view = await untilKnown(async () => {
    const found = await cluster.refresh();
    const partitions = found?.partitions ?? [];
    return partitions.length > 0 && partitions.every(({ leader }) => leader !== undefined) ? found : undefined;
  });
  if (view !== undefined) return view;
  throw new HayateError('UNREACHABLE', `topic ${cluster.topic} has partitions without a leader`, { temporary: true });
}

async function readSettings(cluster: Cluster): Promise<Settings> {
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: cluster.topic, configurationKeys: [...SETTINGS] };
  const described = await untilKnown((last) =>
    cluster.callAny(describeConfigsV4.api, [resource]).catch((cause: unknown) => {
      if (cause instanceof HayateError) throw cause;
      const fault = faultOf(cause);
      // A broker that lags behind the controller does not know the topic yet.
      if (fault === 'UNKNOWN_TOPIC_OR_PARTITION' && !last) return undefined;
      throw new HayateError('CONFIGURATION', `the settings of topic ${cluster.topic} cannot be read: ${fault}`, { cause });
    }),
  );
  const results = described?.results ?? [];
  const values = new Map(results.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value ?? ''])));
  // Other implementations may not know a setting. It must count as unsuitable, which the comparison
  // with '' ensures.
  return Object.fromEntries(SETTINGS.map((name) => [name, values.get(name) ?? ''])) as Settings;
}
