// The streamer role. It accepts broadcasters, decides which epoch and generation a connection
// belongs to, and holds the broadcasts. Across all streamer processes, the newest epoch of a stream
// wins.
import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { EndReason, mintEpoch, type Publish } from '@hayate/protocol';
import { type Control, Control_ClaimSchema, ControlSchema, type RepairRequest, RepairRequestSchema } from '@hayate/protocol/server';
import type { WebSocket } from 'ws';
import type { VerifyToken } from '../auth/verify-token.ts';
import { Announcer } from '../broadcast/announcer.ts';
import type { AppendLimits } from '../broadcast/append-queue.ts';
import { Publication } from '../broadcast/publication.ts';
import type { Publisher } from '../broadcast/publisher.ts';
import { Connection, type ConnectionLimits } from '../gateway/connection.ts';
import type { ConnectionMetrics } from '../gateway/connection-metrics.ts';
import { sendGoAway } from '../gateway/go-away.ts';
import { type CancelTimer, every } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import type { Service } from '../kernel/service.ts';
import { decoding } from '../live/channel-message.ts';
import type { Log } from '../log/log.ts';
import { Channels, type Shards, type Unsubscribe } from '../shard/shard.ts';
import { ConnectedPublisher } from './connected-publisher.ts';
import { EndedEpochs } from './ended-epochs.ts';
import { type PublishLimits, PublishSession } from './publish-session.ts';
import { StreamerMetrics } from './streamer-metrics.ts';
import type { Ticket, TicketSigner } from './ticket.ts';

export interface StreamerOptions extends AppendLimits, PublishLimits, ConnectionLimits {
  /** Messages per second of one broadcaster, in addition to the number of frames it may send. */
  messagesPerSecondMax: number;
  /**
   * Maximum number of connected broadcasters. Further ones are closed with TOO_MANY_CONNECTIONS.
   */
  connectionsMax: number;
  handshakeTimeoutMs: number;
  idleTimeoutMs: number;
  /** How long broadcasters have to open a new connection when this process drains. */
  goAwayMs: number;
  /**
   * If a broadcaster does not return within this time, the stream has ended for viewers. The epoch
   * can still be resumed.
   */
  returnWindowMs: number;
}

interface StreamerParts {
  context: Context;
  shards: Shards;
  log: Log;
  verifyToken: VerifyToken;
  tickets: TicketSigner;
  connectionMetrics: ConnectionMetrics;
  options: StreamerOptions;
}

/** How often publications are checked. */
const TICK_MS = 100;
/** How often audiences and missing broadcasters are checked. */
const SWEEP_INTERVAL_MS = 1_000;

/** The streamer of this process. */
export class Streamer implements Service {
  readonly name = 'streamer';
  readonly #parts: StreamerParts;
  readonly #metrics: StreamerMetrics;
  readonly #publications = new Map<string, { publication: Publication; absentSinceMs: number | undefined }>();
  /** Publications that have ended for viewers, but whose end may not be in the log yet. */
  readonly #ending = new Set<Publication>();
  /** Epochs ended over the HTTP API. Their tickets are refused. */
  readonly #moderated = new EndedEpochs();
  readonly #budget = { unsettledBytes: 0 };
  readonly #subscriptions: Unsubscribe[] = [];
  readonly #connections = new Set<Connection>();
  /** Of the connections that have begun or resumed a broadcast. */
  readonly #publishers = new Set<Publisher>();
  #announcer: Announcer | undefined;
  readonly #timers: CancelTimer[] = [];
  #draining = false;

  private constructor(parts: StreamerParts) {
    this.#parts = parts;
    this.#metrics = new StreamerMetrics(parts.context);
  }

  static async start(parts: StreamerParts): Promise<Streamer> {
    const streamer = new Streamer(parts);
    const { shards, context } = parts;
    const malformed = () => streamer.#metrics.malformedMessages.inc();
    streamer.#subscriptions.push(
      await shards.subscribe(
        Channels.control,
        decoding(ControlSchema, (control) => streamer.#takeControl(control), malformed),
      ),
      await shards.subscribe(
        Channels.repair(context.incarnation),
        decoding(RepairRequestSchema, (request) => streamer.#takeRequest(request), malformed),
      ),
    );
    const streams = () => [...streamer.#publications.values()].map(({ publication }) => publication.listing(context.clock.nowMs()));
    streamer.#announcer = new Announcer({ clock: context.clock, shards, incarnation: context.incarnation, streams });
    streamer.#timers.push(
      every(context.clock, TICK_MS, () => streamer.#tick()),
      every(context.clock, SWEEP_INTERVAL_MS, () => streamer.#sweep()),
    );
    return streamer;
  }

  /** Takes an upgraded socket of /publish. */
  accept(socket: WebSocket): void {
    const { options, verifyToken, connectionMetrics } = this.#parts;
    const session = new PublishSession({
      context: this.#parts.context,
      verifyToken,
      limits: limitsOf(options),
      begin: (from, publish, labels) => this.#begin(from, publish, labels),
    });
    const connection: Connection = new Connection(socket, (message) => session.take(connection, message), {
      endpoint: 'publish',
      metrics: connectionMetrics,
      clock: this.#parts.context.clock,
      // Every message may carry a single frame.
      limits: { ...options, messagesPerSecondMax: options.messagesPerSecondMax + options.framesPerSecondMax },
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      idleTimeoutMs: options.idleTimeoutMs,
    });
    this.#connections.add(connection);
    connection.onClose(() => this.#connections.delete(connection));
  }

  unready(): string | undefined {
    if (this.#draining) return 'draining';
    return this.#parts.log.writable() ? this.#parts.shards.unready() : 'the log accepts no appends';
  }

  async drain(): Promise<void> {
    this.#draining = true;
    const all = [...this.#publications.values()].map(({ publication }) => publication);
    await sendGoAway(this.#connections, this.#parts.options.goAwayMs, this.#parts.context.clock);
    const settle = () => Promise.all([...all, ...this.#ending].map((publication) => publication.drain()));
    await settle();
    for (const connection of this.#connections) connection.close('GOING_AWAY');
    // Frames that arrived during `settle` must reach the log before the archiver's last cut.
    await settle();
  }

  close(): Promise<void> {
    for (const cancel of this.#timers) cancel();
    this.#announcer?.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    for (const { publication } of this.#publications.values()) publication.close();
    for (const publication of this.#ending) publication.close();
    for (const connection of this.#connections) connection.close('GOING_AWAY');
    return Promise.resolve();
  }

  #begin(connection: Connection, publish: Publish, labels: Readonly<Record<string, string>>): ConnectedPublisher {
    if (this.#draining) throw new HayateError('CLOSED', 'the server is draining', { closeCode: 'GOING_AWAY', temporary: true });
    const ticket = publish.ticket.length === 0 ? undefined : this.#readTicket(publish);
    if (ticket !== undefined && this.#moderated.has(ticket.stream, ticket.epoch, this.#unixMs()))
      throw new HayateError('CONFLICT', 'the broadcast was ended', { closeCode: 'STREAM_ENDED' });
    const held = this.#publications.get(publish.stream);
    if (ticket !== undefined && held !== undefined && ticket.epoch < held.publication.epoch)
      throw new HayateError('CONFLICT', 'a newer broadcast of this stream has begun', { closeCode: 'SUPERSEDED' });
    // A broadcaster that replaces its own connection, which may be dead, needs no further place.
    const others = this.#publishers.size - (held?.publication.attached === true ? 1 : 0);
    if (others >= this.#parts.options.connectionsMax)
      throw new HayateError('BAD_REQUEST', 'the process has reached its limit of broadcasters', {
        closeCode: 'TOO_MANY_CONNECTIONS',
        temporary: true,
      });
    const publication =
      held !== undefined && held.publication.epoch === ticket?.epoch ? held.publication : this.#open(publish.stream, ticket);
    const { tickets, context } = this.#parts;
    const publisher = new ConnectedPublisher({ connection, publication, tickets, clock: context.clock });
    this.#publishers.add(publisher);
    connection.onClose(() => {
      publication.detach(publisher);
      this.#publishers.delete(publisher);
    });
    const replaced = publication.attach(
      publisher,
      Math.max(publication.generation, ticket?.generation ?? 0) + 1,
      labels,
      ticket?.nextSequence ?? 0,
    );
    if (replaced !== undefined) this.#publishers.delete(replaced);
    const claim = create(Control_ClaimSchema, {
      stream: publish.stream,
      epoch: publication.epoch,
      generation: publication.generation,
      incarnation: context.incarnation,
    });
    this.#parts.shards.publish(
      Channels.control,
      toBinary(ControlSchema, create(ControlSchema, { body: { case: 'claim', value: claim } })),
      Number.POSITIVE_INFINITY,
    );
    return publisher;
  }

  #readTicket(publish: Publish): Ticket {
    const ticket = this.#parts.tickets.read(publish.ticket, this.#unixMs());
    if (ticket === undefined || ticket.stream !== publish.stream)
      throw new HayateError('BAD_REQUEST', 'the resume ticket is not valid', { closeCode: 'TICKET_INVALID' });
    return ticket;
  }

  #open(stream: string, ticket: Ticket | undefined): Publication {
    const { context, shards, log, options } = this.#parts;
    const older = this.#publications.get(stream)?.publication;
    const minted = mintEpoch(this.#unixMs(), randomBytes(3).readUIntLE(0, 3));
    const epoch = ticket?.epoch ?? (older !== undefined && older.epoch >= minted ? older.epoch + 1n : minted);
    if (older !== undefined) {
      older.dismissPublisher('SUPERSEDED');
      older.end(EndReason.SUPERSEDED);
    }
    const publication: Publication = new Publication({
      stream,
      epoch,
      incarnation: context.incarnation,
      clock: context.clock,
      nextSequence: ticket?.nextSequence ?? 0,
      shards,
      log,
      budget: this.#budget,
      limits: options,
      metrics: this.#metrics.publication,
      onEnded: () => {
        if (this.#publications.get(stream)?.publication === publication) this.#publications.delete(stream);
        this.#ending.add(publication);
        this.#metrics.publications.set(this.#publications.size);
      },
    });
    this.#publications.set(stream, { publication, absentSinceMs: undefined });
    this.#metrics.publications.set(this.#publications.size);
    return publication;
  }

  #takeControl({ body }: Control): void {
    if (body.case === 'announceFull') this.#announcer?.announce(true);
    else if (body.case === 'endStream') {
      this.#moderated.add(body.value.stream, body.value.epoch, this.#unixMs());
      const publication = this.#publications.get(body.value.stream)?.publication;
      if (publication?.epoch !== body.value.epoch) return;
      publication.end(EndReason.MODERATED);
      publication.dismissPublisher('STREAM_ENDED');
    } else if (body.case === 'claim' && body.value.incarnation !== this.#parts.context.incarnation) {
      const { stream, epoch, generation, incarnation } = body.value;
      const held = this.#publications.get(stream)?.publication;
      if (held === undefined || epoch < held.epoch || (epoch === held.epoch && generation < held.generation)) return;
      // A ticket used twice at the same moment yields two connections of one generation. One must
      // yield.
      const equal = epoch === held.epoch && generation === held.generation;
      if (equal && incarnation < this.#parts.context.incarnation) return;
      held.dismissPublisher('SUPERSEDED');
      if (epoch > held.epoch) held.end(EndReason.SUPERSEDED);
      else this.#forget(held);
    }
  }

  /** Drops a broadcast that continues in another process. */
  #forget(publication: Publication): void {
    this.#publications.delete(publication.stream);
    this.#metrics.publications.set(this.#publications.size);
    void publication.drain().then(() => publication.close());
  }

  #takeRequest(request: RepairRequest): void {
    for (const { stream, epoch, viewers } of request.viewers) this.#find(stream, epoch)?.report(request.listener, viewers);
    if (request.stream !== '') this.#find(request.stream, request.epoch)?.takeRequest(request, Channels.reply(request.listener));
  }

  /** Finds the broadcast, including one whose end is still being published. */
  #find(stream: string, epoch: bigint): Publication | undefined {
    const held = this.#publications.get(stream)?.publication;
    if (held?.epoch === epoch) return held;
    for (const publication of this.#ending) if (publication.stream === stream && publication.epoch === epoch) return publication;
    return undefined;
  }

  #tick(): void {
    const nowMs = this.#parts.context.clock.nowMs();
    for (const { publication } of this.#publications.values()) publication.tick(nowMs);
    for (const publication of this.#ending) publication.tick(nowMs);
  }

  #sweep(): void {
    const nowMs = this.#parts.context.clock.nowMs();
    for (const publication of this.#ending) {
      if (!publication.settled(nowMs)) continue;
      publication.close();
      this.#ending.delete(publication);
    }
    for (const held of [...this.#publications.values()]) {
      held.publication.tellViewers(nowMs);
      if (held.publication.attached) held.absentSinceMs = undefined;
      else held.absentSinceMs ??= nowMs;
      if (nowMs - (held.absentSinceMs ?? nowMs) > this.#parts.options.returnWindowMs) held.publication.end(EndReason.LOST);
    }
  }

  #unixMs(): number {
    return Math.floor(this.#parts.context.clock.nowUnixUs() / 1_000);
  }
}

function limitsOf(options: StreamerOptions): PublishLimits {
  return {
    frameBytesMax: options.frameBytesMax,
    framesPerSecondMax: options.framesPerSecondMax,
    bitsPerSecondMax: options.bitsPerSecondMax,
  };
}
