// Appends go in, offsets come out. Appends within a few milliseconds share one request to each
// leader. Each broker gets one request at a time, with at most one batch of each partition, so that
// entries become durable in the order of the calls. A failed batch is sent again, with the same
// bytes, until it is too old. Then it is refused, and all entries that wait after it.
import { initProducerIdV4 } from '@platformatic/kafka';
import type { Logger } from 'pino';
import { nowMonotonicMs } from '../../kernel/clock.ts';
import { type LogRefusal, LogRefusedError } from '../log.ts';
import type { LogMetric } from '../log-metric.ts';
import type { BrokerAddress } from './address.ts';
import type { Channel } from './channel.ts';
import type { Cluster } from './cluster.ts';
import { describe, type Fault, faultOf, isPassing } from './fault.ts';
import { PartitionAppends, type ProducerIdentity } from './partition-appends.ts';
import { produce } from './produce.ts';
import { recordBytesMax } from './record-batch.ts';

/** Bounds and pace of appends. */
interface ProducerLimits {
  /** How long an entry waits for others to share its request. */
  readonly lingerMs: number;
  /** A batch is no larger than this, unless a single entry is. */
  readonly batchBytesMax: number;
  /**
   * The limit for entries that wait to become durable, over all partitions; beyond it appends are
   * refused.
   */
  readonly waitingBytesMax: number;
  /**
   * An entry that is not durable after this long is refused as soon as it is in no pending request.
   */
  readonly deliveryMs: number;
}

interface ProducerOptions {
  readonly cluster: Cluster;
  readonly partitionCount: number;
  readonly entryBytesMax: number;
  readonly limits: ProducerLimits;
  readonly metric: LogMetric;
  readonly logger: Pick<Logger, 'warn'> | undefined;
  /** Called when Kafka did not take entries. Appends are refused until `resume`. */
  readonly onSuspend: () => void;
}

/**
 * How long the broker waits for the copies. If the answer takes more than twice as long, it will
 * not come.
 */
const REQUEST_TIMEOUT_MS = 5_000;
const REQUEST_BYTES_MAX = 8 * 2 ** 20;
const RETRY_MS = 100;
/** Entries that still wait this long after `close` are refused. */
const CLOSE_MS = 10_000;
/** The broker does not know the producer, or misses a batch of it. */
const FENCED_ERRORS: ReadonlySet<Fault> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

/** The appends of a log. */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #channel: Channel;
  readonly #partitions: readonly PartitionAppends[];
  /** The partitions with entries to send. A partition that was served moves to the end. */
  readonly #pending = new Set<PartitionAppends>();
  readonly #busy = new Set<string>();
  #identity: ProducerIdentity | undefined;
  #introducing = false;
  #waitingBytes = 0;
  #suspended: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #closedMs: number | undefined;
  #drained = Promise.withResolvers<void>();

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#channel = options.cluster.channel(2 * REQUEST_TIMEOUT_MS);
    const { batchBytesMax } = options.limits;
    this.#partitions = Array.from({ length: options.partitionCount }, (_, number) => new PartitionAppends(number, batchBytesMax));
  }

  /** Bytes of entries that wait to become durable. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether there is no known obstacle to appends. */
  get healthy(): boolean {
    if (this.#closedMs !== undefined || this.#suspended !== undefined) return false;
    for (const { fault } of this.#pending) if (fault !== undefined) return false;
    return true;
  }

  /**
   * Resolves to the entry's offset once it is durable. Rejects with LogRefusedError, or with
   * RangeError if the entry is too long.
   */
  async append(partition: number, key: Uint8Array, value: Uint8Array): Promise<number> {
    const { entryBytesMax, metric, limits } = this.#options;
    if (key.length + value.length > entryBytesMax)
      throw new RangeError(`an entry of ${key.length} + ${value.length} bytes is too long for the log; the limit is ${entryBytesMax}`);
    const appends = this.#partitions[partition];
    if (appends === undefined) throw new RangeError(`partition ${partition} of ${this.#partitions.length}`);
    const bytes = recordBytesMax({ key, value });
    const refused = this.#refusal(bytes);
    if (refused !== undefined) {
      metric.refused(refused.refusal, 1);
      throw refused;
    }
    return new Promise((resolve, reject) => {
      this.#waitingBytes += bytes;
      appends.add({ key, value, sinceMs: nowMonotonicMs(), resolve, reject });
      this.#pending.add(appends);
      this.#wakeIn(limits.lingerMs);
    });
  }

  /** Takes appends again. */
  resume(): void {
    this.#suspended = undefined;
  }

  /** Refuses new appends and settles the waiting ones. */
  async close(): Promise<void> {
    this.#closedMs ??= nowMonotonicMs();
    this.#turn();
    await this.#drained.promise;
    clearTimeout(this.#timer);
  }

  #refusal(bytes: number): LogRefusedError | undefined {
    const { cluster, limits } = this.#options;
    if (this.#closedMs !== undefined) return new LogRefusedError('closed', 'the log is closed');
    if (cluster.broken !== undefined) return new LogRefusedError('failed', cluster.broken.message, { cause: cluster.broken });
    if (this.#suspended !== undefined) return new LogRefusedError('failed', `Kafka did not accept the last entries: ${this.#suspended}`);
    if (this.#waitingBytes + bytes > limits.waitingBytesMax && this.#waitingBytes > 0)
      return new LogRefusedError('full', `${this.#waitingBytes} bytes already wait to become durable`);
    return undefined;
  }

  #wakeIn(ms: number): void {
    const atMs = nowMonotonicMs() + ms;
    if (atMs >= this.#timerMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = atMs;
    this.#timer = setTimeout(() => this.#turn(), ms);
  }

  /** Sends waiting batches to every leader without a pending request. */
  #turn(): void {
    this.#timerMs = Number.POSITIVE_INFINITY;
    const requests = new Map<string, { leader: BrokerAddress; appends: PartitionAppends[]; bytes: number }>();
    for (const appends of [...this.#pending]) {
      if (appends.sending || this.#expire(appends) || appends.notBeforeMs > nowMonotonicMs()) continue;
      const leader = this.#leaderOf(appends);
      if (leader === undefined || !this.#introduce(appends)) continue;
      const name = `${leader.host}:${leader.port}`;
      if (this.#busy.has(name)) continue;
      const request = requests.get(name) ?? { leader, appends: [], bytes: 0 };
      requests.set(name, request);
      if (request.bytes > REQUEST_BYTES_MAX) continue;
      request.appends.push(appends);
      request.bytes += appends.seal().length;
    }
    for (const [name, { leader, appends }] of requests) void this.#send(name, leader, appends);
    if ([...this.#pending].some(({ sending }) => !sending)) this.#wakeIn(RETRY_MS);
    if (this.#closedMs !== undefined && this.#pending.size === 0) this.#drained.resolve();
  }

  /** Whether the partition's entries were refused because the oldest is too old. */
  #expire(appends: PartitionAppends): boolean {
    const closeMs = (this.#closedMs ?? Number.POSITIVE_INFINITY) + CLOSE_MS;
    if (nowMonotonicMs() < Math.min(appends.oldestMs + this.#options.limits.deliveryMs, closeMs)) return false;
    this.#refuse(appends, appends.fault ?? 'it took too long');
    return true;
  }

  #leaderOf(appends: PartitionAppends): BrokerAddress | undefined {
    const { cluster } = this.#options;
    if (cluster.broken !== undefined) {
      this.#refuse(appends, cluster.broken.message);
      return undefined;
    }
    const leader = cluster.leader(appends.partition);
    if (leader === undefined) this.#tryLater(appends, 'LEADER_NOT_AVAILABLE');
    return leader;
  }

  /** Whether the partition has a producer identity; if not, one has been requested. */
  #introduce(appends: PartitionAppends): boolean {
    if (appends.identity !== undefined) return true;
    if (this.#identity !== undefined) appends.begin(this.#identity);
    else if (!this.#introducing) void this.#askIdentity();
    return this.#identity !== undefined;
  }

  async #askIdentity(): Promise<void> {
    this.#introducing = true;
    try {
      const { producerId, producerEpoch } = await this.#options.cluster.callAny(initProducerIdV4.api, null, 0);
      this.#identity = { producerId, producerEpoch };
    } catch (error) {
      for (const appends of this.#pending) if (appends.identity === undefined) this.#fail(appends, faultOf(error));
    } finally {
      this.#introducing = false;
      this.#turn();
    }
  }

  async #send(name: string, leader: BrokerAddress, all: readonly PartitionAppends[]): Promise<void> {
    const { cluster } = this.#options;
    this.#busy.add(name);
    for (const appends of all) appends.sending = true;
    try {
      const batches = new Map(all.map((appends) => [appends.partition, appends.seal()]));
      const produced = await produce(this.#channel, leader, { topic: cluster.topic, timeoutMs: REQUEST_TIMEOUT_MS, batches });
      for (const appends of all) {
        const result = produced.get(appends.partition) ?? { fault: 'UNKNOWN_TOPIC_OR_PARTITION' };
        if ('fault' in result) this.#fail(appends, result.fault);
        else this.#settle(appends, result.offset);
      }
    } catch (error) {
      for (const appends of all) this.#fail(appends, faultOf(error), describe(error));
    } finally {
      this.#busy.delete(name);
      for (const appends of all) {
        appends.sending = false;
        this.#pending.delete(appends);
        if (!appends.empty) this.#pending.add(appends);
      }
      this.#turn();
    }
  }

  #settle(appends: PartitionAppends, offset: number): void {
    const { entries, bytes } = appends.settle();
    const nowMs = nowMonotonicMs();
    this.#options.metric.appended(
      bytes.length,
      entries.map(({ sinceMs }) => (nowMs - sinceMs) / 1000),
    );
    for (const [index, entry] of entries.entries()) {
      this.#waitingBytes -= recordBytesMax(entry);
      entry.resolve(offset + index);
    }
  }

  #fail(appends: PartitionAppends, fault: Fault, detail: string = fault): void {
    if (FENCED_ERRORS.has(fault)) {
      this.#options.logger?.warn({ partition: appends.partition, fault }, 'Kafka no longer knows this producer; continuing as a new one');
      this.#forget(appends);
      this.#tryLater(appends, fault);
    } else if (isPassing(fault)) this.#tryLater(appends, detail);
    else this.#refuse(appends, fault);
  }

  #tryLater(appends: PartitionAppends, fault: string): void {
    appends.fault = fault;
    appends.notBeforeMs = nowMonotonicMs() + RETRY_MS;
    // If this fails, the next attempt fails too and reports it.
    this.#options.cluster.refresh().catch(() => undefined);
  }

  /**
   * Refuses the partition's entries. The entries already sent may or may not become durable, so the
   * next ones need a new producer identity.
   */
  #refuse(appends: PartitionAppends, why: string, refusal: LogRefusal = 'failed'): void {
    const { metric, logger, onSuspend } = this.#options;
    this.#forget(appends);
    const entries = appends.giveUp();
    this.#pending.delete(appends);
    appends.fault = undefined;
    metric.refused(refusal, entries.length);
    logger?.warn(
      { partition: appends.partition, entries: entries.length, why },
      'Kafka does not accept appends; they are refused until it does',
    );
    this.#suspended = why;
    onSuspend();
    const error = new LogRefusedError(refusal, `Kafka did not accept the entry: ${why}`);
    for (const entry of entries) {
      this.#waitingBytes -= recordBytesMax(entry);
      entry.reject(error);
    }
  }

  #forget(appends: PartitionAppends): void {
    if (this.#identity === appends.identity) this.#identity = undefined;
    appends.resetProducer();
  }
}
