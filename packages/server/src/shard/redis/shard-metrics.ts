// The metrics of the Redis adapter. Counts change with every message, so they are plain numbers,
// and become metrics only when scraped. A label names a server by its address, never a stream.
import { Counter, Gauge, type Registry } from '@prometheus-io/client';

/** The counts of one server, since it was found. */
interface ShardCounts {
  /** Messages written, including copies and repetitions. */
  publishes: number;
  publishedBytes: number;
  /** Writes. */
  slots: number;
  /** Unanswered messages that were published on another server. */
  republished: number;
  /** Messages without a subscriber. */
  unheard: number;
  /** How often it became suspect. */
  suspected: number;
  /** Messages received. */
  received: number;
  publisherDisconnects: number;
  subscriberDisconnects: number;
}

/** The values read at a scrape. */
export interface ObservedShard {
  readonly name: string;
  readonly counts: Readonly<ShardCounts>;
  readonly up: boolean;
  readonly subscribed: boolean;
  /** Messages. */
  readonly unanswered: number;
}

/** Why a message was dropped. */
export type DropReason = 'queue_full' | 'no_server' | 'unanswered';

type Value = (shard: ObservedShard) => number;

/** Counts that start at zero. */
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
      help: 'Messages dropped: the queue was full (queue_full), no server was connected (no_server), or no server was left to try (unanswered)',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['queue_full', 'no_server', 'unanswered'] as const) this.dropped.inc({ reason }, 0);
    this.resolveFailures = new Counter({
      name: 'hayate_shard_resolve_failures_total',
      help: 'Failed DNS lookups of servers; the last answer stays in use',
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
  counter('publishes', 'Messages written to this server, including copies and republished ones', ({ counts }) => counts.publishes);
  counter('published_bytes', 'Bytes of the PUBLISH commands written to this server', ({ counts }) => counts.publishedBytes);
  counter('slots', 'Slots written to this server, one write each', ({ counts }) => counts.slots);
  counter('republished', 'Messages that this server left unanswered and another server got', ({ counts }) => counts.republished);
  counter('publishes_without_subscriber', 'Messages without a subscriber on this server', ({ counts }) => counts.unheard);
  counter('suspected', 'How often this server left a message unanswered for --shard-suspect-ms', ({ counts }) => counts.suspected);
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
  gauge('up', '1 while slots go to this server', ({ up }) => Number(up));
  gauge('subscribed', '1 while the subscriber connection to this server is open', ({ subscribed }) => Number(subscribed));
  gauge('unanswered', 'Messages written to this server and not answered', ({ unanswered }) => unanswered);
}
