// The log on a cluster: one topic of any broker that speaks the Kafka protocol. An append resolves
// once every in-sync copy has it. The broker provides partitions, membership, replication and
// replay; this adapter relies on them.
import { hostname } from 'node:os';
import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { HayateError } from '../../kernel/error.ts';
import type { Log, LogConsumer, LogPartition } from '../log.ts';
import { createLogMetric } from '../log-metric.ts';
import { parseTopicAddress } from './address.ts';
import type { Security } from './channel.ts';
import { Cluster } from './cluster.ts';
import { Coordinator } from './coordinator.ts';
import { GroupMember } from './group-member.ts';
import { KafkaPartition } from './kafka-partition.ts';
import { partitionOf } from './murmur2.ts';
import { PartitionRuns } from './partition-runs.ts';
import { Producer } from './producer.ts';
import { type FitTopic, openTopic } from './topic.ts';
import { Watch } from './watch.ts';

const DEFAULTS = {
  /** The number of copies of a newly created topic. */
  replication: 3,
  /** How long a newly created topic keeps entries, archived or not. */
  retentionMs: 7 * 24 * 3_600_000,
  /** A member that is silent for this long loses its partitions. */
  sessionMs: 30_000,
  /** How long an append waits for others to share its request. */
  lingerMs: 5,
  /** The most bytes of one partition in one request, unless one entry is larger. */
  batchBytesMax: 2 ** 20,
  /**
   * The limit for entries that wait to become durable, over all partitions; beyond it appends are
   * refused.
   */
  waitingBytesMax: 128 * 2 ** 20,
  /** An append that is not durable after this long is refused. */
  deliveryMs: 30_000,
};

/** The topic and how it is used. The defaults are above. */
export interface KafkaLogOptions extends Partial<typeof DEFAULTS> {
  /** kafka://HOST:PORT[,HOST:PORT]/TOPIC */
  readonly address: string;
  /**
   * The partition count of a newly created topic (default 16). For an existing topic it must be the
   * same or be omitted.
   */
  readonly partitions?: number;
  /** Consumer group. Default: hayate-TOPIC. */
  readonly group?: string;
  /**
   * The name under which this process gets its partitions back after a restart. Default: the host's
   * name.
   */
  readonly instanceId?: string;
  readonly security?: Security;
  readonly registry?: Registry;
  readonly logger?: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The consumer group for `topic` if the operator names none. */
export function defaultGroup(topic: string): string {
  return `hayate-${topic}`;
}

/**
 * Opens the topic, or creates it. Throws HayateError: CONFIGURATION if it cannot be a log, naming
 * each setting and its required value; UNREACHABLE if no broker answers.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const { brokers, topic } = parseTopicAddress(options.address);
  const cluster = new Cluster({ brokers, topic, security: options.security ?? {} });
  try {
    const { partitions, logger } = options;
    const { replication, retentionMs } = { ...DEFAULTS, ...options };
    return new KafkaLog(cluster, await openTopic(cluster, { partitions, replication, retentionMs }, logger), options);
  } catch (error) {
    cluster.close();
    throw error;
  }
}

class KafkaLog implements Log {
  readonly id: string;
  readonly partitionCount: number;
  readonly embedded = false;
  readonly #cluster: Cluster;
  readonly #options: KafkaLogOptions;
  readonly #producer: Producer;
  readonly #watch: Watch;
  #consumer: KafkaConsumer | undefined;
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, { view, entryBytesMax, minInSync }: FitTopic, options: KafkaLogOptions) {
    cluster.pin(view);
    this.id = view.id;
    this.partitionCount = view.partitions.length;
    this.#cluster = cluster;
    this.#options = options;
    const { registry, logger } = options;
    const metric = createLogMetric(registry, { waitingBytes: () => this.#producer.waitingBytes });
    this.#watch = new Watch({ cluster, minInSync, logger, onWell: () => this.#producer.resume() });
    this.#producer = new Producer({
      cluster,
      partitionCount: this.partitionCount,
      entryBytesMax,
      limits: { ...DEFAULTS, ...options },
      metric,
      logger,
      onSuspend: () => this.#watch.suspect(),
    });
  }

  async append(key: string, value: Uint8Array): Promise<{ partition: number; offset: number }> {
    const keyBytes = Buffer.from(key, 'utf8');
    const partition = partitionOf(keyBytes, this.partitionCount);
    return { partition, offset: await this.#producer.append(partition, keyBytes, value) };
  }

  writable(): boolean {
    return this.#cluster.broken === undefined && this.#watch.trouble === undefined && this.#producer.healthy;
  }

  async consume(run: (partition: LogPartition, signal: AbortSignal) => Promise<void>): Promise<LogConsumer> {
    if (this.#consumer !== undefined) throw new HayateError('CONFLICT', 'a process can have only one consumer of a log at a time');
    const consumer = new KafkaConsumer(this.#cluster, this.#producer, this.partitionCount, this.#options, run, () => {
      if (this.#consumer === consumer) this.#consumer = undefined;
    });
    this.#consumer = consumer;
    return consumer;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const settled = this.#producer.close();
    await this.#consumer?.close();
    await settled;
    await this.#watch.close();
    this.#cluster.close();
  }
}

/** One membership: while it lasts, it runs the partitions that are assigned to it. */
class KafkaConsumer implements LogConsumer {
  readonly failed: Promise<never>;
  readonly #member: GroupMember;
  readonly #onClose: () => void;
  #closing: Promise<void> | undefined;

  constructor(
    cluster: Cluster,
    producer: Producer,
    partitionCount: number,
    options: KafkaLogOptions,
    run: (partition: LogPartition, signal: AbortSignal) => Promise<void>,
    onClose: () => void,
  ) {
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    this.failed = failed.promise;
    this.#onClose = onClose;
    const coordinator = new Coordinator(cluster, options.group ?? defaultGroup(cluster.topic));
    const runs = new PartitionRuns(
      (number, signal) => run(new KafkaPartition({ number, cluster, coordinator, member, producer, signal }), signal),
      failed.reject,
    );
    const member = new GroupMember({
      cluster,
      coordinator,
      runs,
      partitionCount,
      instanceId: options.instanceId ?? hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-'),
      sessionMs: options.sessionMs ?? DEFAULTS.sessionMs,
      logger: options.logger,
      onFailure: failed.reject,
    });
    this.#member = member;
  }

  close(): Promise<void> {
    this.#closing ??= this.#member.close().finally(this.#onClose);
    return this.#closing;
  }
}
