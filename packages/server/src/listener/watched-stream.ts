// One stream in one listener. In: envelopes of the newest streamer and epoch, over any shard. Out:
// ordered frames, once each, to its viewers through the fan-out of their epoch. Missing frames are
// requested again; see frame-order.ts for how long.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type Ended,
  EndedSchema,
  EndReason,
  GapReason,
  type NumberRange,
  RangeSchema,
  ServerMessageSchema,
  viewServerFrame,
} from '@hayate/protocol';
import { type Envelope, type LiveFrame, type RepairRequest, RepairRequestSchema } from '@hayate/protocol/server';
import { afterReading, type CancelTimer, type Clock } from '../kernel/clock.ts';
import { readLiveFrame } from '../live/live-entry.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import { encodeGaps, FanOut, type FanOutOptions } from './fan-out.ts';
import type { ListenerMetrics } from './listener-metrics.ts';
import { LiveEpoch } from './live-epoch.ts';
import type { QueuedFrame } from './viewer-queue.ts';

/** Events of a stream other than its frames, for one of its viewers. */
export interface WatchedStreamSubscriber {
  /** The stream became live, or a new epoch began. */
  began(): void;
  /** An encoded ServerMessage for every viewer. */
  say(message: Uint8Array): void;
}

interface WatchedStreamOptions {
  name: string;
  clock: Clock;
  shards: Shards;
  metrics: ListenerMetrics;
  fanOut: FanOutOptions;
  /** The listener's incarnation. */
  listener: bigint;
  /** A streamer that is silent for this long is gone. */
  silenceMs: number;
}

type Live = LiveEpoch<QueuedFrame>;

/** Viewers wait for a group at most this long. It is requested again meanwhile. */
const GROUP_WAIT_MS = 200;
const GROUP_ASK_MS = 100;
/** How often gaps are checked while frames are missing. */
const GAP_TICK_MS = 10;
/** Viewers who waited for an epoch get it from its first frame if they missed no more than this. */
const FRESH_MS = 500;
/**
 * A live stream announces itself every second. A listener waits this long before it reports that a
 * stream is not live.
 */
const SETTLE_MS = 1_250;
/** Requests are sent over two servers at once. */
const REQUEST_COPIES = 2;

/** A stream with viewers. */
export class WatchedStream {
  readonly name: string;
  readonly #options: WatchedStreamOptions;
  readonly #subscribers = new Set<WatchedStreamSubscriber>();
  #live: Live | undefined;
  /** The newest epoch that has begun for viewers. */
  #fanOut: { epoch: bigint; viewers: FanOut };
  #viewers = 0;
  readonly #settled = Promise.withResolvers<void>();
  readonly #cancelSettle: CancelTimer;
  #cancelGroupWait: CancelTimer | undefined;
  #cancelGapTick: CancelTimer | undefined;

  constructor(options: WatchedStreamOptions) {
    this.name = options.name;
    this.#options = options;
    this.#fanOut = { epoch: 0n, viewers: new FanOut(options.fanOut) };
    this.#cancelSettle = options.clock.after(SETTLE_MS, () => this.#settled.resolve());
  }

  /** The live epoch; undefined if there is none. */
  get live(): { epoch: bigint; nextSequence: number } | undefined {
    const live = this.#live;
    return live === undefined || !live.begun || live.ended ? undefined : { epoch: live.epoch, nextSequence: live.order.nextSequence };
  }

  /** Whether any epoch of the stream has been seen. */
  get everLive(): boolean {
    return this.#live !== undefined;
  }

  get viewers(): number {
    return this.#viewers;
  }

  /** The fan-out that viewers of the live epoch join. */
  get fanOut(): FanOut {
    return this.#fanOut.viewers;
  }

  add(subscriber: WatchedStreamSubscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: WatchedStreamSubscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** The first frames for a viewer who joins now: the current group. */
  currentGroup(): QueuedFrame[] {
    return this.#live?.group.entries() ?? [];
  }

  /** The frames of `epoch` from `sequence` on; undefined if some of them are no longer held. */
  replay(epoch: bigint, sequence: number): readonly QueuedFrame[] | undefined {
    const live = this.#live;
    return live === undefined || live.epoch !== epoch ? undefined : live.recent.since(sequence);
  }

  /**
   * All frames of an epoch that has just begun by the streamer's clock; undefined if it is older.
   */
  replayFresh(epoch: bigint): readonly QueuedFrame[] | undefined {
    const frames = this.replay(epoch, 0);
    const oldest = frames?.[0]?.receivedUnixUs ?? Number.POSITIVE_INFINITY;
    return this.#options.clock.nowUnixUs() - oldest <= FRESH_MS * 1_000 ? frames : undefined;
  }

  /**
   * Takes a message of the stream's channel, or a group from the listener's reply channel. Throws
   * WireError if a frame cannot be read.
   */
  take(envelope: Envelope): void {
    if (envelope.stream !== this.name || (this.#live !== undefined && envelope.epoch < this.#live.epoch)) return;
    const nowMs = this.#options.clock.nowMs();
    const entries = envelope.frames.map(readEntry);
    if (envelope.group) {
      this.#takeGroup(envelope, entries, nowMs);
      return;
    }
    const live = this.#follow(envelope, entries, nowMs);
    if (live === undefined) return;
    const current = live.hear(envelope, nowMs);
    for (const entry of entries) if (!live.order.take(entry, nowMs)) this.#options.metrics.duplicates.inc();
    if (envelope.nextSequence > 0n) live.order.expect(Number(envelope.nextSequence), nowMs);
    if (current && envelope.end !== undefined) live.ending ??= envelope.end;
    if (current && envelope.viewers !== undefined && !live.ended) this.#tellViewers(envelope.viewers);
    this.#release(live, nowMs);
  }

  /**
   * The number of viewers here, addressed to the streamer's incarnation; undefined if none is
   * known. Called about once a second. It also requests a missing group again, and infers from long
   * silence that the stream has ended.
   */
  report(): { incarnation: bigint; epoch: bigint; viewers: number } | undefined {
    const live = this.#live;
    if (live === undefined || live.ended) return undefined;
    if (this.#options.clock.nowMs() - live.heardMs > this.#options.silenceMs) {
      live.presumed = true;
      this.#end(live, endMark(live, EndReason.LOST));
      return undefined;
    }
    if (!live.complete) this.#request(live, this.#groupWanted());
    return { incarnation: live.incarnation, epoch: live.epoch, viewers: this.#subscribers.size };
  }

  /**
   * Resolves once there are frames for viewers, or after a wait that suggests that the stream is
   * not live.
   */
  settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Called several times a second. */
  tick(nowMs: number): void {
    this.fanOut.tick(nowMs);
  }

  /** Releases everything. Called when the last viewer has left. */
  close(): void {
    this.#cancelGroupWait?.();
    this.#cancelGapTick?.();
    this.#cancelSettle();
    this.#settled.resolve();
    this.#live = undefined;
  }

  /** The newest epoch, which this envelope may begin. */
  #follow(envelope: Envelope, entries: readonly QueuedFrame[], nowMs: number): Live | undefined {
    const known = this.#live;
    if (known !== undefined && known.epoch === envelope.epoch) {
      this.#revive(known, envelope, entries);
      return known;
    }
    if (envelope.end !== undefined) return undefined;
    if (known !== undefined && !known.ended) {
      // The waiting frames of the older epoch are handed on, with or without gaps.
      this.#release(known, Number.POSITIVE_INFINITY);
      if (!known.ended) this.#end(known, endMark(known, EndReason.SUPERSEDED));
    }
    const live: Live = new LiveEpoch(envelope, entries[0], nowMs);
    this.#live = live;
    if (live.complete) this.#begin(live);
    else this.#awaitGroup(live, nowMs);
    return live;
  }

  /**
   * A broadcaster who returns after END(LOST) continues in the same epoch. Late messages of a hung
   * server do not revive it.
   */
  #revive(live: Live, { end }: Envelope, entries: readonly QueuedFrame[]): void {
    if (!live.ended || end !== undefined) return;
    const { nextSequence } = live.order;
    if (!live.presumed && !entries.some(({ header }) => header.sequence >= nextSequence)) return;
    live.ended = false;
    live.presumed = false;
    live.ending = undefined;
    this.#begin(live);
  }

  #awaitGroup(live: Live, sinceMs: number): void {
    this.#cancelGroupWait?.();
    if (this.#live !== live || live.complete || live.ended) return;
    const { clock } = this.#options;
    if (clock.nowMs() - sinceMs >= GROUP_WAIT_MS) {
      this.#begin(live);
      return;
    }
    this.#request(live, this.#groupWanted());
    this.#cancelGroupWait = clock.after(GROUP_ASK_MS, () => this.#awaitGroup(live, sinceMs));
  }

  #begin(live: Live): void {
    this.#cancelGroupWait?.();
    live.begun = true;
    this.#cancelSettle();
    this.#settled.resolve();
    // Viewers leave the older fan-out when they hear of the newer epoch.
    if (this.#fanOut.epoch !== live.epoch) this.#fanOut = { epoch: live.epoch, viewers: new FanOut(this.#options.fanOut) };
    for (const subscriber of this.#subscribers) subscriber.began();
  }

  /**
   * Hands on the frames that are in order, requests missing ones, and ends the epoch once
   * everything before its end is handled.
   */
  #release(live: Live, nowMs: number): void {
    const { frames, missing, lost } = live.release(nowMs);
    const { metrics, clock } = this.#options;
    metrics.frames.inc(frames.length);
    metrics.lost.inc(lost);
    if (live.begun) this.#deliver(frames, missing);
    const ranges = live.order.ask(nowMs);
    if (ranges.length > 0) {
      metrics.repairRequests.inc();
      this.#request(live, { missing: ranges.map(({ first, last }) => create(RangeSchema, { first: BigInt(first), last: BigInt(last) })) });
    }
    if (live.order.open) {
      // Messages that arrived while this process was busy or stopped are read before any frame is
      // given up.
      this.#cancelGapTick ??= afterReading(clock, GAP_TICK_MS, () => {
        this.#cancelGapTick = undefined;
        if (this.#live !== undefined) this.#release(this.#live, clock.nowMs());
      });
    } else if (live.ending !== undefined && !live.ended) this.#end(live, live.ending);
  }

  #deliver(frames: readonly QueuedFrame[], missing: readonly NumberRange[]): void {
    if (missing.length > 0) this.#say(encodeGaps(missing, GapReason.LOST));
    this.fanOut.push(frames);
  }

  /** Sends a message to every viewer, after the frames before it. */
  #say(message: Uint8Array): void {
    this.fanOut.flush();
    for (const subscriber of this.#subscribers) subscriber.say(message);
  }

  /** Takes the requested group. Viewers have waited for it; those whose wait ran out get it now. */
  #takeGroup(envelope: Envelope, entries: readonly QueuedFrame[], nowMs: number): void {
    const live = this.#live;
    if (live === undefined || live.epoch !== envelope.epoch || live.complete || live.ended) return;
    live.takeGroup(entries, nowMs);
    if (!live.begun) this.#begin(live);
    else
      this.#deliver(
        this.currentGroup().filter(({ header }) => header.sequence < live.joinedAt),
        [],
      );
    this.#release(live, nowMs);
  }

  #end(live: Live, end: Ended): void {
    live.ended = true;
    this.#viewers = 0;
    this.#cancelGroupWait?.();
    if (live.begun) this.#say(encodeMessage({ ended: end }));
  }

  /** The streamer repeats the number in every beat. Viewers are told only of changes. */
  #tellViewers(viewers: number): void {
    if (viewers === this.#viewers) return;
    this.#viewers = viewers;
    const message = encodeMessage({ audience: { viewers } });
    for (const subscriber of this.#subscribers) subscriber.say(message);
  }

  #groupWanted(): { groupReplyChannel: string } {
    return { groupReplyChannel: Channels.reply(this.#options.listener) };
  }

  #request(live: Live, content: Partial<Pick<RepairRequest, 'groupReplyChannel' | 'missing'>>): void {
    const { shards, listener } = this.#options;
    const request = create(RepairRequestSchema, { stream: this.name, epoch: live.epoch, listener, ...content });
    shards.publish(Channels.repair(live.incarnation), toBinary(RepairRequestSchema, request), REQUEST_COPIES);
  }
}

function encodeMessage(content: MessageInitShape<typeof ServerMessageSchema>): Uint8Array {
  return toBinary(ServerMessageSchema, create(ServerMessageSchema, content));
}

function readEntry(frame: LiveFrame): QueuedFrame {
  return { ...readLiveFrame(frame), message: viewServerFrame(frame.frame) };
}

function endMark(live: Live, reason: EndReason): Ended {
  return create(EndedSchema, { epoch: live.epoch, nextSequence: BigInt(live.order.nextSequence), reason });
}
