// The listener role. It accepts viewers, keeps one subscription per watched stream for all of its
// viewers, and runs the viewers' timers. It knows streamers only through the channels they share.
import { create, toBinary } from '@bufbuild/protobuf';
import { Limits } from '@hayate/protocol';
import { EnvelopeSchema, RepairRequestSchema, type StreamViewers, StreamViewersSchema } from '@hayate/protocol/server';
import type { WebSocket } from 'ws';
import type { VerifyToken } from '../auth/verify-token.ts';
import { Connection, type ConnectionLimits } from '../gateway/connection.ts';
import type { ConnectionMetrics } from '../gateway/connection-metrics.ts';
import { sendGoAway } from '../gateway/go-away.ts';
import { type CancelTimer, every } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import type { Service } from '../kernel/service.ts';
import { decoding } from '../live/channel-message.ts';
import { Channels, type Shards, type Unsubscribe } from '../shard/shard.ts';
import type { CoalesceOptions } from './coalesce.ts';
import { CoalesceSchedule } from './coalesce-schedule.ts';
import type { FanOutOptions } from './fan-out.ts';
import { FanOutMetrics } from './fan-out-metrics.ts';
import { type FanOutPath, openSender } from './fan-out-sender.ts';
import type { ViewerSocket } from './fan-out-viewer.ts';
import { ListenerMetrics } from './listener-metrics.ts';
import type { ViewerQueueLimits } from './viewer-queue.ts';
import { WatchSession, type WatchSessionOptions } from './watch-session.ts';
import { WatchedStream } from './watched-stream.ts';

interface ListenerOptions extends ViewerQueueLimits, CoalesceOptions, ConnectionLimits {
  /** The way frames are written to viewers. */
  fanOut: FanOutPath;
  /** The folder of the native module; default: that of its source. */
  nativeDirectory?: string | undefined;
  /** How often viewers are asked to report. A longer interval needs a longer window. */
  receiptIntervalMs: number;
  /** Maximum number of viewers. Further ones are closed with TOO_MANY_CONNECTIONS. */
  connectionsMax: number;
  handshakeTimeoutMs: number;
  idleTimeoutMs: number;
  /** How long viewers have to open a new connection when this process drains. */
  goAwayMs: number;
  /**
   * How long a stream without viewers stays subscribed. One that was never live: at most
   * `NEVER_LIVE_LINGER_MS`.
   */
  lingerMs: number;
  /**
   * Maximum number of subscribed streams. Viewers of further streams are closed with
   * TOO_MANY_CONNECTIONS.
   */
  watchedStreamsMax: number;
  /** A streamer that is silent about a stream for this long is gone, and the stream has ended. */
  silenceMs: number;
}

interface ListenerParts {
  context: Context;
  shards: Shards;
  verifyToken: VerifyToken;
  connectionMetrics: ConnectionMetrics;
  options: ListenerOptions;
}

/** Queues are checked this often, though most move when something arrives. */
const TICK_MS = 100;
const REPORT_INTERVAL_MS = 1_000;

/**
 * Viewers request streams that do not exist again and again, and such a subscription helps no one
 * else.
 */
const NEVER_LIVE_LINGER_MS = 1_000;

interface Subscription {
  stream: WatchedStream;
  ready: Promise<Unsubscribe>;
  sessions: number;
  cancelLinger: CancelTimer | undefined;
}

/** The listener of this process. */
export class Listener implements Service {
  readonly name = 'listener';
  readonly #parts: ListenerParts;
  readonly #metrics: ListenerMetrics;
  readonly #schedule: CoalesceSchedule;
  readonly #fanOut: FanOutOptions;
  readonly #sessionOptions: WatchSessionOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Subscriptions without viewers; the one idle for longest comes first. */
  readonly #lingering = new Set<Subscription>();
  readonly #sessions = new Map<Connection, WatchSession>();
  /**
   * Streams whose viewers joined or left since the last tick. Their streamers are told without
   * waiting for the next full report.
   */
  readonly #changed = new Set<WatchedStream>();
  #unsubscribeReplies: Unsubscribe | undefined;
  #timers: CancelTimer[] = [];
  #draining = false;

  private constructor(parts: ListenerParts) {
    this.#parts = parts;
    const { context, options, verifyToken } = parts;
    checkReceiptInterval(options);
    const sender = openSender(options.fanOut, context.logger, options.nativeDirectory);
    this.#metrics = new ListenerMetrics(context);
    this.#schedule = new CoalesceSchedule(context.clock, options);
    this.#fanOut = {
      clock: context.clock,
      schedule: this.#schedule,
      sender,
      limits: options,
      metrics: new FanOutMetrics(context, this.#metrics, { sender, schedule: this.#schedule }),
    };
    this.#sessionOptions = {
      context,
      verifyToken,
      receiptIntervalMs: options.receiptIntervalMs,
      join: (name, returning) => this.#join(name, returning),
      leave: (stream) => this.#leave(stream),
    };
  }

  static async start(parts: ListenerParts): Promise<Listener> {
    const listener = new Listener(parts);
    listener.#unsubscribeReplies = await parts.shards.subscribe(
      Channels.reply(parts.context.incarnation),
      decoding(
        EnvelopeSchema,
        (envelope) => listener.#subscriptions.get(envelope.stream)?.stream.take(envelope),
        () => listener.#metrics.malformedMessages.inc(),
      ),
    );
    const { clock } = parts.context;
    listener.#timers = [
      every(clock, TICK_MS, () => listener.#tick()),
      every(clock, REPORT_INTERVAL_MS, () => listener.#report(listener.#streams())),
    ];
    return listener;
  }

  /** Takes an upgraded socket of /watch, and the network socket that carries it. */
  accept(socket: WebSocket, netSocket: ViewerSocket): void {
    const { options, connectionMetrics } = this.#parts;
    const connection: Connection = new Connection(socket, (message) => session.take(message), {
      endpoint: 'watch',
      metrics: connectionMetrics,
      clock: this.#parts.context.clock,
      limits: { ...options, messageBytesMax: Limits.viewerMessageBytesMax },
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      idleTimeoutMs: options.idleTimeoutMs,
    });
    const session = new WatchSession(connection, netSocket, this.#sessionOptions);
    if (this.#sessions.size >= options.connectionsMax) {
      connection.close('TOO_MANY_CONNECTIONS');
      return;
    }
    this.#sessions.set(connection, session);
    this.#metrics.viewers.set(this.#sessions.size);
    connection.onClose(() => {
      this.#sessions.delete(connection);
      this.#metrics.viewers.set(this.#sessions.size);
    });
  }

  unready(): string | undefined {
    return this.#draining ? 'draining' : this.#parts.shards.unready();
  }

  async drain(): Promise<void> {
    this.#draining = true;
    await sendGoAway(this.#sessions.keys(), this.#parts.options.goAwayMs, this.#parts.context.clock);
    for (const connection of this.#sessions.keys()) connection.close('GOING_AWAY');
  }

  async close(): Promise<void> {
    for (const cancel of this.#timers) cancel();
    this.#schedule.close();
    this.#unsubscribeReplies?.();
    for (const connection of this.#sessions.keys()) connection.close('GOING_AWAY');
    for (const { stream, ready, cancelLinger } of this.#subscriptions.values()) {
      stream.close();
      cancelLinger?.();
      (await ready)();
    }
    this.#subscriptions.clear();
  }

  /** `returning`: the viewer has watched the stream before, so it is probably live. */
  async #join(name: string, returning: boolean): Promise<WatchedStream> {
    if (this.#draining) throw new HayateError('CLOSED', 'the server is draining', { closeCode: 'GOING_AWAY', temporary: true });
    const subscription = this.#subscriptions.get(name) ?? this.#subscribe(name);
    subscription.cancelLinger?.();
    this.#lingering.delete(subscription);
    subscription.sessions++;
    await subscription.ready;
    if (returning) await subscription.stream.settled();
    this.#changed.add(subscription.stream);
    return subscription.stream;
  }

  #subscribe(name: string): Subscription {
    const { shards, context, options } = this.#parts;
    if (this.#subscriptions.size >= options.watchedStreamsMax && !this.#dropLingering())
      throw new HayateError('BAD_REQUEST', 'the process has reached its limit of watched streams', {
        closeCode: 'TOO_MANY_CONNECTIONS',
        temporary: true,
      });
    const stream = new WatchedStream({
      name,
      clock: context.clock,
      shards,
      metrics: this.#metrics,
      fanOut: this.#fanOut,
      listener: context.incarnation,
      silenceMs: options.silenceMs,
    });
    const receive = decoding(
      EnvelopeSchema,
      (envelope) => stream.take(envelope),
      () => this.#metrics.malformedMessages.inc(),
    );
    const subscription: Subscription = {
      stream,
      ready: shards.subscribe(Channels.live(name), receive),
      sessions: 0,
      cancelLinger: undefined,
    };
    this.#subscriptions.set(name, subscription);
    this.#metrics.streams.set(this.#subscriptions.size);
    return subscription;
  }

  #leave(stream: WatchedStream): void {
    const subscription = this.#subscriptions.get(stream.name);
    if (subscription === undefined) return;
    subscription.sessions--;
    this.#changed.add(stream);
    if (subscription.sessions > 0) return;
    const { context, options } = this.#parts;
    const lingerMs = stream.everLive ? options.lingerMs : Math.min(options.lingerMs, NEVER_LIVE_LINGER_MS);
    subscription.cancelLinger = context.clock.after(lingerMs, () => this.#unsubscribe(subscription));
    this.#lingering.add(subscription);
  }

  #unsubscribe(subscription: Subscription): void {
    const { stream, ready, cancelLinger } = subscription;
    cancelLinger?.();
    this.#lingering.delete(subscription);
    stream.close();
    this.#subscriptions.delete(stream.name);
    this.#metrics.streams.set(this.#subscriptions.size);
    void ready.then((unsubscribe) => unsubscribe());
  }

  /**
   * Unsubscribes from the stream that has been without viewers for longest. False: every stream has
   * viewers.
   */
  #dropLingering(): boolean {
    const [oldest] = this.#lingering;
    if (oldest !== undefined) this.#unsubscribe(oldest);
    return oldest !== undefined;
  }

  #tick(): void {
    const nowMs = this.#parts.context.clock.nowMs();
    for (const { stream } of this.#subscriptions.values()) stream.tick(nowMs);
    const changed = [...this.#changed];
    this.#changed.clear();
    this.#report(changed);
  }

  /** Tells each streamer the viewer counts of its streams here, in one message. */
  #report(streams: Iterable<WatchedStream>): void {
    const reports = new Map<bigint, StreamViewers[]>();
    for (const stream of streams) {
      const report = stream.report();
      if (report === undefined) continue;
      const { incarnation, epoch, viewers } = report;
      const ofStreamer = reports.get(incarnation) ?? [];
      ofStreamer.push(create(StreamViewersSchema, { stream: stream.name, epoch, viewers }));
      reports.set(incarnation, ofStreamer);
    }
    const { shards, context } = this.#parts;
    for (const [streamer, viewers] of reports) {
      const request = create(RepairRequestSchema, { listener: context.incarnation, viewers });
      shards.publish(Channels.repair(streamer), toBinary(RepairRequestSchema, request));
    }
  }

  #streams(): WatchedStream[] {
    return [...this.#subscriptions.values()].map(({ stream }) => stream);
  }
}

/** Checks that a viewer stays within its window between two reports. */
function checkReceiptInterval({ receiptIntervalMs, windowMs }: ListenerOptions): void {
  if (receiptIntervalMs > Limits.receiptIntervalMs && windowMs < 2 * receiptIntervalMs)
    throw new HayateError('CONFIGURATION', `--receipt-interval-ms ${receiptIntervalMs} needs --window-ms ${2 * receiptIntervalMs} or more`);
}
