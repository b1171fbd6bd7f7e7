// The shard seam over N standalone Redis servers. A publisher writes each slot to one server and
// the next slot to the next; a subscriber subscribes on all of them. So servers may come, go, die
// and hang at any moment, without any agreement between processes.
import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import type { CancelTimer, Clock } from '../../kernel/clock.ts';
import { RateLimitedLog } from '../../kernel/rate-limited-log.ts';
import type { Receive, Shards, Unsubscribe } from '../shard.ts';
import type { Dial } from './dial.ts';
import { Discovery, type LookUp } from './discovery.ts';
import type { Placement } from './placement.ts';
import { PublishSlots } from './publish-slots.ts';
import { RedisServer, type ShardEnvironment } from './server.ts';
import type { ShardServer, ShardSource } from './server-address.ts';
import type { HealthPolicy } from './shard-health.ts';
import { ShardMetrics } from './shard-metrics.ts';

/** The options for Redis shards. Time, randomness and the network are injected here. */
export interface RedisServersOptions {
  readonly sources: readonly ShardSource[];
  readonly placement: Placement;
  /** How long messages are gathered before they are written, milliseconds. */
  readonly slotMs: number;
  /** The most bytes of messages gathered or unanswered. */
  readonly queueBytesMax: number;
  readonly suspectMs: number;
  readonly closeMs: number;
  readonly returnMs: number;
  readonly resolveMs: number;
  /**
   * How long a server that is no longer named stays subscribed, as streamers may still use it.
   * Default 10 s.
   */
  readonly leaveMs?: number;
  readonly dial: Dial;
  readonly lookUp: LookUp;
  readonly clock: Clock;
  /** 0 to 1: varies the pauses between connection attempts, and this process's order of servers. */
  readonly random: () => number;
  readonly registry: Registry;
  readonly logger: Logger;
}

/** How long opening waits for a server that does not answer. */
const WAIT_MS_MAX = 1_000;
const LEAVE_MS = 10_000;
/** Added to the lookup interval, so that other processes have connected too. */
const PROBATION_MARGIN_MS = 1_000;

/**
 * Opens shards over Redis. Resolves when each server has been reached or has refused, or after a
 * second. Never rejects.
 */
export async function openRedisServers(options: RedisServersOptions): Promise<Shards> {
  const shards = new RedisServers(options);
  await shards.settle();
  return shards;
}

class RedisServers implements Shards {
  readonly embedded = false;
  readonly #options: RedisServersOptions;
  readonly #environment: ShardEnvironment;
  readonly #slots: PublishSlots<RedisServer>;
  readonly #discovery: Discovery;
  readonly #channels = new Map<string, Set<Receive>>();
  /** By name. Includes the servers that are leaving. */
  readonly #shards = new Map<string, RedisServer>();
  /** The servers that are not leaving, sorted. */
  #named: readonly RedisServer[] = [];
  #found = false;
  #cancelLeave: CancelTimer = () => undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RedisServersOptions) {
    this.#options = options;
    const { clock, logger, dial, random } = options;
    const log = new RateLimitedLog(logger, () => clock.nowMs());
    const metrics = new ShardMetrics(options.registry, {
      shards: () => [...this.#shards.values()].map((shard) => shard.observe()),
      subscriptions: () => this.#channels.size,
    });
    this.#slots = new PublishSlots(
      { ...options, seed: Math.floor(random() * 2 ** 32) },
      {
        clock,
        servers: () => this.#named,
        unansweredBytes: () => this.#unansweredBytes(),
        dropped: (reason, messages) => metrics.dropped.inc({ reason }, messages),
      },
    );
    this.#environment = {
      parts: { dial, clock, random },
      policy: healthPolicy(options),
      log,
      message: (channel, message) => this.#receive(channel, message),
      rescue: (messages) => this.#slots.rescue(messages),
      dropped: (reason, messages) => metrics.dropped.inc({ reason }, messages),
      troubled: () => this.#discovery.lookSoon(),
    };
    this.#discovery = new Discovery({
      ...options,
      found: (servers) => this.#take(servers),
      failed: (name, reason) => {
        metrics.resolveFailures.inc();
        if (this.#named.length === 0) log.warn('shards not found', { name: name.host, reason }, name.host);
      },
    });
  }

  /** See openRedisServers. */
  async settle(): Promise<void> {
    const { clock } = this.#options;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(WAIT_MS_MAX, resolve);
    const settled = this.#discovery.look().then(() => Promise.all(this.#named.map((shard) => shard.settled)));
    await Promise.race([settled, late]);
    cancel();
  }

  publish(channel: string, message: Uint8Array, copies?: number): void {
    if (this.#closing === undefined) this.#slots.add(channel, message, copies);
  }

  subscribe(channel: string, receive: Receive): Promise<Unsubscribe> {
    if (this.#closing !== undefined) return Promise.resolve(() => undefined);
    const receivers = this.#channels.get(channel) ?? new Set();
    if (receivers.size === 0) for (const shard of this.#shards.values()) shard.subscriber.subscribe(channel);
    this.#channels.set(channel, receivers);
    // Wrapped, so that one function can be subscribed twice.
    const own: Receive = (message) => receive(message);
    receivers.add(own);
    const unsubscribe = (): void => {
      if (!receivers.delete(own) || receivers.size > 0) return;
      this.#channels.delete(channel);
      for (const shard of this.#shards.values()) shard.subscriber.unsubscribe(channel);
    };
    return this.#subscribed(channel).then(() => unsubscribe);
  }

  unready(): string | undefined {
    if (this.#named.some(({ health }) => health.state !== 'down')) return undefined;
    return this.#named.length === 0 ? 'no shard has been found' : 'no shard is connected';
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Writes the gathered messages and waits up to `closeMs` for their answers: they may tell viewers
   * that a stream ended.
   */
  async #close(): Promise<void> {
    const { clock, closeMs } = this.#options;
    this.#discovery.close();
    this.#cancelLeave();
    this.#slots.write();
    const endMs = clock.nowMs() + closeMs;
    while (this.#unansweredBytes() > 0 && clock.nowMs() < endMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(1, resolve);
      await promise;
    }
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
    this.#named = [];
    this.#channels.clear();
  }

  /**
   * Resolves when every server has confirmed the channel, or after `closeMs`, when a silent server
   * is given up. Viewers wait for it.
   */
  #subscribed(channel: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { clock, closeMs } = this.#options;
    const cancel = clock.after(closeMs, resolve);
    let waiting = 1;
    const done = (): void => {
      if (--waiting > 0) return;
      cancel();
      resolve();
    };
    for (const { subscriber, health } of this.#shards.values()) {
      if (health.state === 'suspect') continue;
      waiting++;
      subscriber.whenSubscribed(channel, done);
    }
    done();
    return promise;
  }

  #receive(channel: string, message: Uint8Array): void {
    for (const receive of this.#channels.get(channel) ?? []) receive(message);
  }

  /** Sets the shards to the servers found. */
  #take(servers: readonly ShardServer[]): void {
    // Nothing has been found yet, so no server can have left.
    if (servers.length === 0) return;
    const { clock, logger, leaveMs = LEAVE_MS } = this.#options;
    const names = new Set(servers.map(({ name }) => name));
    for (const shard of this.#shards.values()) {
      if (names.has(shard.name) || shard.leavesAtMs !== undefined) continue;
      shard.leavesAtMs = clock.nowMs() + leaveMs;
      logger.info({ shard: shard.name }, 'shard is leaving');
    }
    this.#named = servers.map((server) => {
      const shard = this.#shards.get(server.name) ?? this.#add(server);
      shard.leavesAtMs = undefined;
      return shard;
    });
    this.#found = true;
    this.#armLeave();
  }

  #add(server: ShardServer): RedisServer {
    const shard = new RedisServer(server, this.#found, this.#environment);
    this.#shards.set(server.name, shard);
    for (const channel of this.#channels.keys()) shard.subscriber.subscribe(channel);
    return shard;
  }

  /** Closes the shards whose time to leave has come, and sets a timer for the next. */
  #armLeave(): void {
    const { clock, logger } = this.#options;
    this.#cancelLeave();
    const leaving = [...this.#shards.values()].flatMap(({ leavesAtMs }) => leavesAtMs ?? []);
    if (leaving.length === 0) return;
    this.#cancelLeave = clock.after(Math.max(1, Math.min(...leaving) - clock.nowMs()), () => {
      for (const shard of this.#shards.values()) {
        if (shard.leavesAtMs === undefined || shard.leavesAtMs > clock.nowMs()) continue;
        shard.close();
        this.#shards.delete(shard.name);
        logger.info({ shard: shard.name }, 'shard left');
      }
      this.#armLeave();
    });
  }

  #unansweredBytes(): number {
    let bytes = 0;
    for (const shard of this.#shards.values()) bytes += shard.unansweredBytes;
    return bytes;
  }
}

function healthPolicy({ suspectMs, closeMs, returnMs, resolveMs }: RedisServersOptions): HealthPolicy {
  return { suspectMs, closeMs, returnMs, probationMs: resolveMs + PROBATION_MARGIN_MS };
}
