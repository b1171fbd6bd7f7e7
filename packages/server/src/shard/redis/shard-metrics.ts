// What the Redis adapter counts. Counts are plain numbers where they are made, for they are made for every message; they become
// metrics when they are asked for. A label names a server by its address, never a stream.
import { Counter, Gauge, type Registry } from '@prometheus-io/client';

/** Counts of one server, since it was found. */
export interface ShardCounts {
  /** Messages written, copies and repetitions included. */
  publishes: number;
  publishedBytes: number;
  /** Writes. */
  slots: number;
  /** Messages left unanswered that were published on another server. */
  republished: number;
  /** Messages that met no subscriber. */
  unheard: number;
  /** Times that it became suspect. */
  suspected: number;
  /** Messages received. */
  received: number;
  publisherDisconnects: number;
  subscriberDisconnects: number;
}

/** What is read when metrics are asked for. */
export interface ObservedShard {
  readonly name: string;
  readonly counts: Readonly<ShardCounts>;
  readonly up: boolean;
  readonly subscribed: boolean;
  /** Messages. */
  readonly unanswered: number;
}

/** Why a message was given up. */
export type DropReason = 'queue_full' | 'no_server' | 'unanswered';

type Value = (shard: ObservedShard) => number;

/** Counts that have begun. */
export const noCounts = (): ShardCounts => ({
  publishes: 0,
  publishedBytes: 0,
  slots: 0,
  republished: 0,
  unheard: 0,
  suspected: 0,
  received: 0,
  publisherDisconnects: 0,
  subscriberDisconnects: 0,
});

/** One per process. */
export class ShardMetrics {
  readonly dropped: Counter<'reason'>;
  readonly resolveFailures: Counter;

  constructor(registry: Registry, observed: { shards(): readonly ObservedShard[]; subscriptions(): number }) {
    const registers = [registry];
    this.dropped = new Counter({
      name: 'hayate_shard_dropped_total',
      help: 'Messages given up: too many waited (queue_full), no server was connected (no_server), or none was left to try (unanswered)',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['queue_full', 'no_server', 'unanswered'] as const) this.dropped.inc({ reason }, 0);
    this.resolveFailures = new Counter({
      name: 'hayate_shard_resolve_failures_total',
      help: 'DNS questions about servers that were not answered; the last answer holds',
      registers,
    });
    new Gauge({
      name: 'hayate_shard_subscriptions',
      help: 'Channels subscribed to, on every server',
      registers,
      collect() {
        this.set(observed.subscriptions());
      },
    });
    addServerMetrics(registers, observed.shards);
  }
}

function addServerMetrics(registers: Registry[], shards: () => readonly ObservedShard[]): void {
  const counter = (name: string, help: string, value: Value) =>
    new Counter({
      name: `hayate_shard_${name}_total`,
      help,
      labelNames: ['shard'],
      registers,
      collect() {
        this.reset();
        for (const shard of shards()) this.inc({ shard: shard.name }, value(shard));
      },
    });
  counter('publishes', 'Messages written to this server, copies and repetitions included', ({ counts }) => counts.publishes);
  counter('published_bytes', 'Bytes of these, as commands', ({ counts }) => counts.publishedBytes);
  counter('slots', 'Writes to this server, each of the messages of one slot', ({ counts }) => counts.slots);
  counter('republished', 'Messages that this server left unanswered, published on another', ({ counts }) => counts.republished);
  counter('publishes_without_subscriber', 'Messages that met no subscriber on this server', ({ counts }) => counts.unheard);
  counter('suspected', 'Times that this server left a message unanswered for --shard-suspect-ms', ({ counts }) => counts.suspected);
  counter('received', 'Messages received from this server', ({ counts }) => counts.received);
  new Counter({
    name: 'hayate_shard_disconnects_total',
    help: 'Connections to this server that broke or could not be made',
    labelNames: ['shard', 'connection'],
    registers,
    collect() {
      this.reset();
      for (const { name, counts } of shards()) {
        this.inc({ shard: name, connection: 'publisher' }, counts.publisherDisconnects);
        this.inc({ shard: name, connection: 'subscriber' }, counts.subscriberDisconnects);
      }
    },
  });
  const gauge = (name: string, help: string, value: Value) =>
    new Gauge({
      name: `hayate_shard_${name}`,
      help,
      labelNames: ['shard'],
      registers,
      collect() {
        this.reset();
        for (const shard of shards()) this.set({ shard: shard.name }, value(shard));
      },
    });
  gauge('up', '1 while this server is given slots', ({ up }) => Number(up));
  gauge('subscribed', '1 while the subscriber connection to this server stands', ({ subscribed }) => Number(subscribed));
  gauge('unanswered', 'Messages written to this server and not answered', ({ unanswered }) => unanswered);
}
