// Locates the parts of one topic: brokers, the leader of each partition, the group's coordinator.
// Results are kept until a call shows that they have changed. If the topic is recreated or gets
// more partitions, it is another log: all calls fail from then on.
import { type API, findCoordinatorV3, metadataV11 } from '@platformatic/kafka';
import { hostAndPort } from '../../kernel/address.ts';
import { HayateError } from '../../kernel/error.ts';
import type { BrokerAddress } from './address.ts';
import { type AnswerOf, Channel, type Security } from './channel.ts';
import { answerWithin, describe, faultOfCode } from './fault.ts';

/** The last known state of one partition. */
interface PartitionView {
  /** The broker that takes its appends; undefined while there is none. */
  readonly leader: BrokerAddress | undefined;
  readonly replicas: number;
  readonly inSync: number;
}

/** The last known state of a topic. */
export interface TopicView {
  /** The topic's UUID in base64url, as Kafka's own tools show it: [A-Za-z0-9_-]{22}. */
  readonly id: string;
  readonly partitions: readonly PartitionView[];
}

export interface ClusterOptions {
  /** The bootstrap brokers. */
  readonly brokers: readonly BrokerAddress[];
  readonly topic: string;
  readonly security: Security;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** The time limit for calls that a broker answers at once. */
const REQUEST_TIMEOUT_MS = 5_000;
const GROUP_COORDINATOR = 0;

/** The brokers of one topic. */
export class Cluster {
  readonly topic: string;
  /** For calls that a broker answers at once. */
  readonly control: Channel;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #security: Security;
  readonly #channels = new Set<Channel>();
  #brokers: readonly BrokerAddress[] = [];
  #controller: BrokerAddress | undefined;
  #view: TopicView | undefined;
  #pinned: TopicView | undefined;
  #broken: HayateError | undefined;
  #refreshing: Promise<TopicView | undefined> | undefined;
  #turn = 0;

  constructor({ brokers, topic, security }: ClusterOptions) {
    this.topic = topic;
    this.#bootstrap = brokers;
    this.#security = security;
    this.control = this.channel(REQUEST_TIMEOUT_MS);
  }

  /** Why the topic is no longer the log that was opened; undefined while it is. */
  get broken(): HayateError | undefined {
    return this.#broken;
  }

  /** Opens a channel, which closes with the cluster at the latest. */
  channel(requestTimeoutMs: number): Channel {
    const onClose = () => void this.#channels.delete(channel);
    const channel = new Channel({ security: this.#security, connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs, onClose });
    this.#channels.add(channel);
    return channel;
  }

  /** From now on the topic must keep its id and partition count. */
  pin(view: TopicView): void {
    this.#pinned = view;
  }

  /** The last known leader of a partition. Throws `broken` if it is set. */
  leader(partition: number): BrokerAddress | undefined {
    if (this.#broken !== undefined) throw this.#broken;
    return this.#view?.partitions[partition]?.leader;
  }

  /**
   * Asks the brokers again; undefined if the topic does not exist. Rejects with UNREACHABLE if no
   * broker answers, and with `broken` if it is set.
   */
  refresh(): Promise<TopicView | undefined> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Makes a call to the first broker that answers. Rejects with UNREACHABLE if none does, and with
   * the broker's error if it sent one.
   */
  async callAny<A extends unknown[], R>(api: API<A, R>, ...request: A): Promise<R> {
    const known = [...this.#brokers, ...this.#bootstrap];
    const candidates = [...new Map(known.map((broker) => [`${broker.host}:${broker.port}`, broker])).values()];
    // Start with another broker each time: the first may hang.
    const first = this.#turn++ % candidates.length;
    const failures = [];
    for (const broker of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      try {
        return await this.control.call(broker, api, ...request);
      } catch (error) {
        if (error instanceof Error && 'response' in error) throw error;
        failures.push(`${hostAndPort(broker.host, broker.port)}: ${describe(error)}`);
      }
    }
    throw new HayateError('UNREACHABLE', `no Kafka broker answers (${failures.join('; ')})`, { temporary: true });
  }

  /** Makes a call to the controller, or to a broker that forwards it. */
  async callController<A extends unknown[], R>(api: API<A, R>, ...request: A): Promise<R> {
    if (this.#controller === undefined) await this.refresh();
    return this.#controller === undefined ? this.callAny(api, ...request) : this.control.call(this.#controller, api, ...request);
  }

  /**
   * The broker that coordinates the group. Rejects with the broker's error, such as
   * COORDINATOR_NOT_AVAILABLE.
   */
  async findCoordinator(group: string): Promise<BrokerAddress> {
    const { coordinators } = await this.callAny(findCoordinatorV3.api, GROUP_COORDINATOR, [group]);
    const [coordinator] = coordinators;
    if (coordinator === undefined) throw new HayateError('UNREACHABLE', 'no Kafka broker coordinates the group', { temporary: true });
    return coordinator;
  }

  /** Closes every channel. */
  close(): void {
    for (const channel of [...this.#channels]) channel.close();
  }

  async #refresh(): Promise<TopicView | undefined> {
    // For a partition without a leader, the library throws an error that contains the otherwise
    // complete answer.
    const answer = await this.callAny(metadataV11.api, [this.topic], false, false).catch(answerWithin<AnswerOf<typeof metadataV11.api>>);
    const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#brokers = [...brokers.values()];
    this.#controller = brokers.get(answer.controllerId);
    const [topic] = answer.topics;
    const fault = topic === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : faultOfCode(topic.errorCode);
    if (topic === undefined || fault === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    if (fault === 'TOPIC_AUTHORIZATION_FAILED' || fault === 'INVALID_TOPIC_EXCEPTION')
      throw new HayateError('CONFIGURATION', `Kafka refuses topic ${this.topic}: ${fault}`);
    const partitions: PartitionView[] = [];
    for (const { partitionIndex, leaderId, replicaNodes, isrNodes } of topic.partitions)
      partitions[partitionIndex] = { leader: brokers.get(leaderId), replicas: replicaNodes.length, inSync: isrNodes.length };
    const view = { id: Buffer.from(topic.topicId.replaceAll('-', ''), 'hex').toString('base64url'), partitions };
    this.#checkSame(view);
    this.#view = view;
    return view;
  }

  #checkSame({ id, partitions }: TopicView): void {
    const pinned = this.#pinned;
    // While a topic is being created or elects leaders, the answer may have no partitions.
    if (pinned === undefined || partitions.length === 0) return;
    if (id !== pinned.id)
      this.#broken ??= new HayateError('CONFLICT', `topic ${this.topic} was recreated: its id is now ${id}, not ${pinned.id}`);
    else if (partitions.length !== pinned.partitions.length)
      this.#broken ??= new HayateError(
        'CONFLICT',
        `topic ${this.topic} has ${partitions.length} partitions now, not ${pinned.partitions.length}: streams would move to other partitions, so the log stops`,
      );
    if (this.#broken !== undefined) throw this.#broken;
  }
}
