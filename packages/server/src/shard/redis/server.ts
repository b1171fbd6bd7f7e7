// One Redis of the shards: a publisher and a subscriber connection, and whether the server is still
// among the named servers.
import type { RateLimitedLog } from '../../kernel/rate-limited-log.ts';
import { hashText } from './placement.ts';
import type { Outgoing, SlotServer } from './publish-slots.ts';
import { ShardPublisher } from './publisher.ts';
import { adviceOn } from './redis-advice.ts';
import type { LinkParts } from './redis-link.ts';
import type { ShardServer } from './server-address.ts';
import type { Health, HealthPolicy } from './shard-health.ts';
import { type DropReason, noCounts, type ObservedShard } from './shard-metrics.ts';
import { ShardSubscriber } from './subscriber.ts';

/** The dependencies of a shard on its adapter. */
export interface ShardEnvironment {
  readonly parts: LinkParts;
  readonly policy: HealthPolicy;
  readonly log: RateLimitedLog;
  message(channel: string, message: Uint8Array): void;
  /**
   * Sends messages that this shard left unanswered to other servers; returns those that no other
   * server can take.
   */
  rescue(messages: Outgoing<RedisServer>[]): Outgoing<RedisServer>[];
  dropped(reason: DropReason, messages: number): void;
  /** A connection broke or could not be made. */
  troubled(): void;
}

/** One server. */
export class RedisServer implements SlotServer<RedisServer> {
  readonly name: string;
  readonly key: number;
  /**
   * When a server that is no longer named is closed; until then it stays subscribed. Undefined: it
   * is named.
   */
  leavesAtMs: number | undefined;
  readonly subscriber: ShardSubscriber;
  readonly #publisher: ShardPublisher<Outgoing<RedisServer>>;
  readonly #environment: ShardEnvironment;
  readonly #labels: { shard: string };
  readonly #counts = noCounts();
  readonly #settled = Promise.withResolvers<void>();
  #attempts = { publisher: false, subscriber: false };

  constructor(server: ShardServer, isNew: boolean, environment: ShardEnvironment) {
    const { parts, policy } = environment;
    this.name = server.name;
    this.key = hashText(server.name);
    this.#environment = environment;
    this.#labels = { shard: this.name };
    this.#publisher = new ShardPublisher(
      server,
      parts,
      { policy, isNew },
      {
        health: (health, before) => this.#healthChanged(health, before),
        rescue: (messages) => {
          const left = environment.rescue(messages);
          this.#counts.republished += messages.length - left.length;
          return left;
        },
        lost: (messages) => environment.dropped('unanswered', messages.length),
        unheard: () => {
          this.#counts.unheard++;
        },
        broken: (reason, wasLinked) => this.#broken('publisher', reason, wasLinked),
      },
    );
    this.subscriber = new ShardSubscriber(server, parts, {
      message: (channel, message) => {
        this.#counts.received++;
        environment.message(channel, message);
      },
      linked: () => {
        environment.log.info('shard subscribed to', this.#labels, this.name);
        this.#attempted('subscriber');
      },
      broken: (reason, wasLinked) => this.#broken('subscriber', reason, wasLinked),
    });
  }

  /** Resolves when both first connection attempts have succeeded or failed. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  get health(): Health {
    return this.#publisher.health;
  }

  get unansweredBytes(): number {
    return this.#publisher.unansweredBytes;
  }

  /** For metrics. */
  observe(): ObservedShard {
    return {
      name: this.name,
      counts: this.#counts,
      up: this.health.state === 'up' && this.leavesAtMs === undefined,
      subscribed: this.subscriber.linked,
      unanswered: this.#publisher.unansweredMessages,
    };
  }

  publish(messages: readonly Outgoing<RedisServer>[]): number {
    const bytes = this.#publisher.publish(messages);
    this.#counts.publishes += messages.length;
    this.#counts.publishedBytes += bytes;
    this.#counts.slots++;
    return bytes;
  }

  /** Closes both connections and forgets unanswered messages. */
  close(): void {
    this.#publisher.close();
    this.subscriber.close();
    this.#settled.resolve();
  }

  #healthChanged(health: Health, before: Health): void {
    const { log } = this.#environment;
    if (health.state === 'suspect') this.#counts.suspected++;
    if (before.state === 'down') this.#attempted('publisher');
    log.info(`shard is ${health.state}`, { ...this.#labels, before: before.state }, this.name);
  }

  #broken(connection: 'publisher' | 'subscriber', reason: string, wasLinked: boolean): void {
    const { log, troubled } = this.#environment;
    this.#counts[`${connection}Disconnects`]++;
    // If a connection keeps failing, only the first failure is logged; all are counted.
    if (wasLinked || !this.#attempts[connection])
      log.warn('shard not connected', { ...this.#labels, connection, reason, ...adviceOn(reason) }, `${this.name} ${connection}`);
    this.#attempted(connection);
    troubled();
  }

  #attempted(connection: 'publisher' | 'subscriber'): void {
    this.#attempts[connection] = true;
    if (this.#attempts.publisher && this.#attempts.subscriber) this.#settled.resolve();
  }
}
