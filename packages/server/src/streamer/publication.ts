// One broadcast in one streamer: frames of its current connection in; envelopes to the shards and batches to the log out.
// It outlives the connection, so that a broadcaster who returns finds it. Invariant: a frame acknowledged is durable.
import { create, toBinary } from '@bufbuild/protobuf';
import { type Ended, EndedSchema, EndReason, Kind, type Range, ServerMessageSchema, type StreamHeader } from '@hayate/protocol';
import { EnvelopeSchema, type LiveFrame, LiveFrameSchema, type LiveStream, LiveStreamSchema } from '@hayate/protocol/server';
import type { Connection } from '../gateway/connection.ts';
import { nowMonotonicMs, nowUnixUs } from '../kernel/clock.ts';
import { CurrentGroup, type LiveEntry } from '../live/current-group.ts';
import type { Log } from '../log/log.ts';
import { LogRefusedError } from '../log/log.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import { type AppendBudget, type AppendLimits, AppendQueue } from './append-queue.ts';
import { Audience } from './audience.ts';
import { type CheckedFrame, checkFrame } from './frame-check.ts';
import type { StreamerMetrics } from './streamer-metrics.ts';
import { TICKET_VALID_MS, type TicketOffice } from './ticket.ts';

/** A sequence may be this far ahead of the highest one seen: 30 s of frames are unacknowledged at most. */
const SEQUENCE_JUMP_MAX = 65_536;

/** A fresh ticket goes out with an ack at most this often. */
const TICKET_INTERVAL_MS = 1_000;

export interface PublicationOptions {
  stream: string;
  epoch: bigint;
  incarnation: bigint;
  /** All before this is durable (from a ticket). */
  nextSequence: number;
  shards: Shards;
  log: Log;
  tickets: TicketOffice;
  budget: AppendBudget;
  limits: AppendLimits & { frameBytesMax: number };
  metrics: StreamerMetrics;
  /** Called once, when the epoch is over. */
  onEnded: () => void;
}

/** A broadcast. */
export class Publication {
  readonly stream: string;
  readonly epoch: bigint;
  readonly audience = new Audience();
  readonly #options: PublicationOptions;
  readonly #append: AppendQueue;
  readonly #group = new CurrentGroup();
  readonly #startedUnixMs = Date.now();
  #generation = 0;
  #labels: Readonly<Record<string, string>> = {};
  #connection: Connection | undefined;
  #header: StreamHeader | undefined;
  #highest = -1;
  #previousLive = -1;
  #ticketSentMs = Number.NEGATIVE_INFINITY;
  #ackedSequence: number;
  #endSequence: number | undefined;
  #ended: EndReason | undefined;
  #viewersTold = 0;
  /** Nothing was published since the last beat. */
  #quiet = true;
  #bits = { windowStartMs: nowMonotonicMs(), bytes: 0, perSecond: 0 };

  constructor(options: PublicationOptions) {
    this.stream = options.stream;
    this.epoch = options.epoch;
    this.#options = options;
    this.#ackedSequence = options.nextSequence;
    this.#highest = options.nextSequence - 1;
    this.#append = new AppendQueue({
      log: options.log,
      limits: options.limits,
      budget: options.budget,
      identity: () => ({
        stream: this.stream,
        epoch: this.epoch,
        generation: this.#generation,
        incarnation: options.incarnation,
        labels: this.#labels,
      }),
      viewers: () => this.audience.viewers(nowMonotonicMs()),
      nextSequence: options.nextSequence,
      onDurable: () => this.#acknowledge(),
      onResend: () => this.#resend(),
      onRefused: (error) =>
        options.metrics.appendRefusals.inc({
          reason: error instanceof LogRefusedError ? error.refusal : error === undefined ? 'bound' : 'failed',
        }),
    });
  }

  get generation(): number {
    return this.#generation;
  }

  /** Whether a broadcaster is connected. */
  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** The sequence the server wants next. */
  get nextSequence(): number {
    return this.#append.nextSequence;
  }

  /** Gives the broadcast to a connection; an older one is closed. The ticket it came with vouches for what was durable. */
  attach(connection: Connection, generation: number, labels: Readonly<Record<string, string>>, vouchedSequence: number): void {
    const older = this.#connection;
    this.#connection = connection;
    older?.close('SUPERSEDED');
    // What was gathered carries the labels and generation it came under.
    this.#append.flush();
    this.#generation = generation;
    this.#labels = labels;
    if (vouchedSequence > 0) this.#append.vouch(vouchedSequence);
    connection.onClose(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
  }

  /** A fresh resume ticket. */
  ticket(): Uint8Array {
    this.#ticketSentMs = nowMonotonicMs();
    return this.#options.tickets.sign({
      stream: this.stream,
      epoch: this.epoch,
      generation: this.#generation,
      nextSequence: this.nextSequence,
      expiresAtMs: Date.now() + TICKET_VALID_MS,
    });
  }

  /** Takes the frames of one message: to viewers at once, to the log in batches. Throws for the first that breaks the contract; those before it are taken. */
  take(frames: readonly Uint8Array[]): void {
    const live: LiveFrame[] = [];
    const receivedUnixUs = nowUnixUs();
    try {
      for (const frame of frames) this.#takeFrame(frame, receivedUnixUs, live);
    } finally {
      if (live.length > 0) {
        this.#quiet = false;
        this.#publish({ frames: live });
      }
    }
  }

  /** Takes ranges that the broadcaster will never send. */
  takeDropped(ranges: readonly Range[]): void {
    for (const range of ranges) {
      this.#options.metrics.declaredDropped.inc(Number(range.last - range.first) + 1);
      this.#append.addDropped(range);
      this.#highest = Math.max(this.#highest, Number(range.last));
    }
  }

  /** The highest sequence a frame or a dropped range may name, plus 1. */
  get sequenceEnd(): number {
    return this.#highest + 1 + SEQUENCE_JUMP_MAX;
  }

  /** The broadcaster has sent all frames before `endSequence`. Over when they are durable. */
  finish(endSequence: number): void {
    this.#endSequence = endSequence;
    this.#append.flush();
    this.#acknowledge();
  }

  /** Ends the epoch for viewers and in the log, whatever is still missing. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    const end = this.#endMark(reason);
    this.#append.addEnd(end);
    this.#publish({ end });
    this.#options.onEnded();
  }

  /** Answers a late joiner: the current group, on its own channel. */
  sendGroup(channel: string): void {
    const frames = this.#group
      .entries()
      .map((entry) => create(LiveFrameSchema, { frame: entry.frame, receivedUnixUs: BigInt(entry.receivedUnixUs) }));
    this.#publish({ frames, group: true, nextSequence: BigInt(this.#previousLive + 1) }, channel);
  }

  /**
   * Called about once a second: tells viewers and the broadcaster how many watch when that has changed, and listeners that
   * the stream lives when nothing else has told them, so that one who joins a silent stream can ask for its group.
   */
  beat(nowMs: number): void {
    const viewers = this.audience.viewers(nowMs);
    if (viewers !== this.#viewersTold)
      this.#connection?.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, { audience: { viewers } })));
    if (viewers !== this.#viewersTold || this.#quiet) this.#publish({ viewers, nextSequence: BigInt(this.#previousLive + 1) });
    this.#viewersTold = viewers;
    this.#quiet = true;
  }

  /** The broadcast as the directory lists it. */
  listing(nowMs: number): LiveStream {
    return create(LiveStreamSchema, {
      stream: this.stream,
      epoch: this.epoch,
      generation: this.#generation,
      title: this.#header?.title ?? '',
      avatar: this.#header?.avatar ?? '',
      startedUnixMs: BigInt(this.#startedUnixMs),
      viewers: this.audience.viewers(nowMs),
      bitsPerSecond: this.#measureBits(nowMs),
      nextSequence: BigInt(this.#previousLive + 1),
    });
  }

  /** Says goodbye with a close code. */
  closeConnection(name: 'SUPERSEDED' | 'STREAM_ENDED' | 'GOING_AWAY'): void {
    this.#connection?.close(name);
  }

  /** Whether the epoch's end is in the log: nothing more will happen here. */
  get settled(): boolean {
    return this.#append.endDurable;
  }

  /** Everything taken is settled and acknowledged. */
  async drain(): Promise<void> {
    await this.#append.drain();
  }

  close(): void {
    this.#append.close();
  }

  #takeFrame(frame: Uint8Array, receivedUnixUs: number, live: LiveFrame[]): void {
    const { metrics, limits } = this.#options;
    const checked: CheckedFrame = checkFrame(frame, {
      stream: this.stream,
      epoch: this.epoch,
      frameBytesMax: limits.frameBytesMax,
      sequenceEnd: this.sequenceEnd,
    });
    const { sequence, kind } = checked.header;
    metrics.frames.inc({ kind: KIND_LABELS[kind] ?? 'CUSTOM' });
    metrics.bytes.inc(frame.length);
    this.#bits.bytes += frame.length;
    this.#highest = Math.max(this.#highest, sequence);
    if (this.#append.has(sequence)) metrics.duplicates.inc();
    else this.#append.add(sequence, frame, receivedUnixUs);
    if (sequence <= this.#previousLive) {
      metrics.framesNotLive.inc({ reason: 'resent' });
      return;
    }
    if (checked.streamHeader !== undefined) this.#header = checked.streamHeader;
    const entry: LiveEntry = { frame, header: checked.header, receivedUnixUs };
    this.#group.add(entry);
    live.push(create(LiveFrameSchema, { frame, receivedUnixUs: BigInt(receivedUnixUs), previousPlusOne: BigInt(this.#previousLive + 1) }));
    this.#previousLive = sequence;
  }

  #publish(
    content: { frames?: LiveFrame[]; end?: Ended; group?: boolean; nextSequence?: bigint; viewers?: number },
    channel = Channels.live(this.stream),
  ): void {
    const envelope = create(EnvelopeSchema, {
      stream: this.stream,
      epoch: this.epoch,
      generation: this.#generation,
      incarnation: this.#options.incarnation,
      ...content,
    });
    this.#options.shards.publish(channel, toBinary(EnvelopeSchema, envelope));
  }

  #acknowledge(): void {
    const next = this.nextSequence;
    if (this.#endSequence !== undefined && next >= this.#endSequence && this.#ended === undefined) this.end(FINISHED);
    if (next > this.#ackedSequence) {
      this.#ackedSequence = next;
      const ticket = nowMonotonicMs() - this.#ticketSentMs >= TICKET_INTERVAL_MS ? this.ticket() : new Uint8Array();
      this.#connection?.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, { ack: { nextSequence: BigInt(next), ticket } })));
    }
    if (!this.#append.endDurable) return;
    this.close();
    if (this.#ended === FINISHED && this.#connection !== undefined) {
      this.#connection.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, { ended: this.#endMark(FINISHED) })));
      this.#connection.close('NORMAL');
    }
  }

  #resend(): void {
    this.#connection?.send(
      toBinary(ServerMessageSchema, create(ServerMessageSchema, { resend: { fromSequence: BigInt(this.nextSequence) } })),
    );
    if (this.#ended !== undefined) this.#append.addEnd(this.#endMark(this.#ended));
  }

  #endMark(reason: EndReason): Ended {
    return create(EndedSchema, { epoch: this.epoch, nextSequence: BigInt(this.#endSequence ?? this.#highest + 1), reason });
  }

  /** Bits a second since the last call that was at least a second ago. */
  #measureBits(nowMs: number): number {
    const elapsed = nowMs - this.#bits.windowStartMs;
    if (elapsed >= 1_000) this.#bits = { windowStartMs: nowMs, bytes: 0, perSecond: Math.round((this.#bits.bytes * 8_000) / elapsed) };
    return this.#bits.perSecond;
  }
}

const { FINISHED } = EndReason;
const KIND_LABELS: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(Kind).map(([name, number]) => [number, name]));
