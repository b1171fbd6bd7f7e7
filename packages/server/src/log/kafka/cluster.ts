// Where everything of one topic is: brokers, the leader of each partition, the group's coordinator. Kept until a call shows
// that it has changed. A topic that was made anew, or got more partitions, is another log: from then on nothing goes on.
import { type API, findCoordinatorV3, metadataV11 } from '@platformatic/kafka';
import { hostAndPort } from '../../kernel/address.ts';
import { HayateError } from '../../kernel/error.ts';
import type { BrokerAddress } from './address.ts';
import { type AnswerOf, Channel, type Security } from './channel.ts';
import { answerWithin, describe, faultOfCode } from './fault.ts';

/** One partition, as the brokers last told. */
export interface PartitionView {
  /** Broker that takes its appends; undefined while there is none. */
  readonly leader: BrokerAddress | undefined;
  readonly replicas: number;
  readonly inSync: number;
}

/** A topic, as the brokers last told. */
export interface TopicView {
  /** Its UUID in base64url, as Kafka's own tools show it: [A-Za-z0-9_-]{22}. */
  readonly id: string;
  readonly partitions: readonly PartitionView[];
}

export interface ClusterOptions {
  /** Brokers to begin with. */
  readonly brokers: readonly BrokerAddress[];
  readonly topic: string;
  readonly security: Security;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** For calls that a broker answers at once. */
const REQUEST_TIMEOUT_MS = 5_000;
const GROUP_COORDINATOR = 0;

/** The brokers behind one topic. */
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

  /** Why this is not the log any more that was opened. */
  get broken(): HayateError | undefined {
    return this.#broken;
  }

  /** A channel of its own, closed with the cluster at the latest. */
  channel(requestTimeoutMs: number): Channel {
    const onClose = () => void this.#channels.delete(channel);
    const channel = new Channel({ security: this.#security, connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs, onClose });
    this.#channels.add(channel);
    return channel;
  }

  /** From now on the topic must stay what it is. */
  pin(view: TopicView): void {
    this.#pinned = view;
  }

  /** The broker that leads a partition, as far as known. Throws what `broken` says. */
  leader(partition: number): BrokerAddress | undefined {
    if (this.#broken !== undefined) throw this.#broken;
    return this.#view?.partitions[partition]?.leader;
  }

  /** Asks anew; undefined if there is no such topic. Rejects with UNREACHABLE if no broker answers, and with what `broken` says. */
  refresh(): Promise<TopicView | undefined> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Makes a call to any broker that answers. Rejects with UNREACHABLE if none does; with the broker's error if one said so. */
  async callAny<A extends unknown[], R>(api: API<A, R>, ...request: A): Promise<R> {
    const known = [...this.#brokers, ...this.#bootstrap];
    const candidates = [...new Map(known.map((broker) => [`${broker.host}:${broker.port}`, broker])).values()];
    // Not the same one first each time: it may hang.
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

  /** Makes a call to the controller, or to a broker that passes it on. */
  async callController<A extends unknown[], R>(api: API<A, R>, ...request: A): Promise<R> {
    if (this.#controller === undefined) await this.refresh();
    return this.#controller === undefined ? this.callAny(api, ...request) : this.control.call(this.#controller, api, ...request);
  }

  /** The broker that keeps the group. Rejects with the broker's error, COORDINATOR_NOT_AVAILABLE among them. */
  async findCoordinator(group: string): Promise<BrokerAddress> {
    const { coordinators } = await this.callAny(findCoordinatorV3.api, GROUP_COORDINATOR, [group]);
    const [coordinator] = coordinators;
    if (coordinator === undefined) throw new HayateError('UNREACHABLE', 'no Kafka broker coordinates the group', { temporary: true });
    return coordinator;
  }

  /** Ends every channel. */
  close(): void {
    for (const channel of [...this.#channels]) channel.close();
  }

  async #refresh(): Promise<TopicView | undefined> {
    // A partition without a leader comes as an error around an answer that is otherwise whole.
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
    // While a topic is being made or elected for, an answer may be empty.
    if (pinned === undefined || partitions.length === 0) return;
    if (id !== pinned.id)
      this.#broken ??= new HayateError('CONFLICT', `topic ${this.topic} is another one now: ${id}, not ${pinned.id} as when it was opened`);
    else if (partitions.length !== pinned.partitions.length)
      this.#broken ??= new HayateError(
        'CONFLICT',
        `topic ${this.topic} has ${partitions.length} partitions now, not ${pinned.partitions.length}: streams would change places, so nothing goes on`,
      );
    if (this.#broken !== undefined) throw this.#broken;
  }
}
