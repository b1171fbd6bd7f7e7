// What the Redis adapter counts. A label names a server by its address, never a stream.
// Messages given to publish, times their copies, and those republished = written + dropped.

import type { Registry } from '@prometheus-io/client';
import { Counter, Gauge } from '@prometheus-io/client';

/** What is read when metrics are asked for. */
export interface ShardObserved {
  readonly servers: readonly { name: string; up: boolean; unanswered: number; subscribed: boolean }[];
  readonly subscriptions: number;
}

/** Why a message was given up. */
export type DropReason = 'queue_full' | 'no_server' | 'unanswered';

/** One per process. */
export class ShardMetrics {
  readonly publishes: Counter<'shard'>;
  readonly publishedBytes: Counter<'shard'>;
  readonly slots: Counter<'shard'>;
  readonly republished: Counter<'shard'>;
  readonly unheard: Counter<'shard'>;
  readonly suspected: Counter<'shard'>;
  readonly disconnects: Counter<'shard' | 'connection'>;
  readonly received: Counter<'shard'>;
  readonly dropped: Counter<'reason'>;
  readonly resolveFailures: Counter;

  constructor(registry: Registry, observe: () => ShardObserved) {
    const registers = [registry];
    const perShard = (name: string, help: string) =>
      new Counter({ name: `hayate_shard_${name}_total`, help, labelNames: ['shard'], registers });
    this.publishes = perShard('publishes', 'Messages written to this server, copies and repetitions included');
    this.publishedBytes = perShard('published_bytes', 'Bytes of these, as commands');
    this.slots = perShard('slots', 'Writes to this server, each of the messages of one slot');
    this.republished = perShard('republished', 'Messages that this server left unanswered and that were published on another');
    this.unheard = perShard('publishes_without_subscriber', 'Messages that met no subscriber on this server');
    this.suspected = perShard('suspected', 'Times that this server left a message unanswered for --shard-suspect-ms');
    this.received = perShard('received', 'Messages received from this server');
    this.disconnects = new Counter({
      name: 'hayate_shard_disconnects_total',
      help: 'Connections to this server that broke or could not be made',
      labelNames: ['shard', 'connection'],
      registers,
    });
    this.dropped = new Counter({
      name: 'hayate_shard_dropped_total',
      help: 'Messages that were given up: too many waited (queue_full), no server was connected (no_server), or the last one that could be tried broke off (unanswered)',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['queue_full', 'no_server', 'unanswered'] as const) this.dropped.inc({ reason }, 0);
    this.resolveFailures = new Counter({
      name: 'hayate_shard_resolve_failures_total',
      help: 'DNS questions about servers that were not answered; the last answer holds',
      registers,
    });
    observeGauges(registers, observe);
  }
}

function observeGauges(registers: Registry[], observe: () => ShardObserved): void {
  const perShard = (name: string, help: string, value: (server: ShardObserved['servers'][number]) => number) =>
    new Gauge({
      name: `hayate_shard_${name}`,
      help,
      labelNames: ['shard'],
      registers,
      collect() {
        this.reset();
        for (const server of observe().servers) this.set({ shard: server.name }, value(server));
      },
    });
  perShard('up', '1 while this server is given slots', ({ up }) => Number(up));
  perShard('subscribed', '1 while the subscriber connection to this server stands', ({ subscribed }) => Number(subscribed));
  perShard('unanswered', 'Messages written to this server and not answered', ({ unanswered }) => unanswered);
  new Gauge({
    name: 'hayate_shard_subscriptions',
    help: 'Channels subscribed to, on every server',
    registers,
    collect() {
      this.set(observe().subscriptions);
    },
  });
}
