// One stream in one listener: envelopes in, from whichever streamer and epoch is newest, over whichever shards; ordered
// frames, once each, out to its viewers through the fan-out of their epoch. What is missing is asked for; see frame-order.ts for how long.
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
import type { CancelTimer, Clock } from '../kernel/clock.ts';
import { readLiveFrame } from '../live/live-entry.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import { encodeGaps, FanOut, type FanOutOptions } from './fan-out.ts';
import type { ListenerMetrics } from './listener-metrics.ts';
import { LiveEpoch } from './live-epoch.ts';
import type { QueuedFrame } from './viewer-queue.ts';

/** What happens in a stream besides its frames, to one of its viewers. */
export interface WatchedStreamSubscriber {
  /** The stream became live, or another epoch of it. */
  began(): void;
  /** An encoded ServerMessage for every viewer. */
  say(message: Uint8Array): void;
}

export interface WatchedStreamOptions {
  name: string;
  clock: Clock;
  shards: Shards;
  metrics: ListenerMetrics;
  fanOut: FanOutOptions;
  /** The listener's incarnation. */
  listener: bigint;
  /** A streamer that says nothing for so long is gone. */
  silenceMs: number;
}

type Live = LiveEpoch<QueuedFrame>;

/** Viewers wait for a group at most this long; it is asked for again meanwhile. */
const GROUP_WAIT_MS = 200;
const GROUP_ASK_MS = 100;
/** While something is missing it is looked at this often. */
const GAP_TICK_MS = 10;
/** Viewers who waited for an epoch get it from its first frame if they have missed no more than this. */
const FRESH_MS = 500;
/** A stream that is live says so every second, and a listener that joins it waits that long before it says that it is not. */
const SETTLE_MS = 1_250;
/** A request goes by two servers at once. */
const REQUEST_COPIES = 2;

/** A stream with viewers. */
export class WatchedStream {
  readonly name: string;
  readonly #options: WatchedStreamOptions;
  readonly #subscribers = new Set<WatchedStreamSubscriber>();
  #live: Live | undefined;
  /** Of the newest epoch that has begun for viewers. */
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

  /** The epoch that is live; undefined if none is. */
  get live(): { epoch: bigint; nextSequence: number } | undefined {
    const live = this.#live;
    return live === undefined || !live.begun || live.ended ? undefined : { epoch: live.epoch, nextSequence: live.order.nextSequence };
  }

  /** Whether an epoch of it has been seen. */
  get everLive(): boolean {
    return this.#live !== undefined;
  }

  get viewers(): number {
    return this.#viewers;
  }

  /** Where viewers of the live epoch join. */
  get fanOut(): FanOut {
    return this.#fanOut.viewers;
  }

  add(subscriber: WatchedStreamSubscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: WatchedStreamSubscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** What a viewer who joins now is given first: the current group. */
  currentGroup(): QueuedFrame[] {
    return this.#live?.group.entries() ?? [];
  }

  /** The frames from `sequence` of `epoch` on; undefined if they are not all held. */
  replay(epoch: bigint, sequence: number): readonly QueuedFrame[] | undefined {
    const live = this.#live;
    return live === undefined || live.epoch !== epoch ? undefined : live.recent.since(sequence);
  }

  /** All frames of an epoch that has just begun, by the streamer's clock; undefined if it is older. */
  replayFresh(epoch: bigint): readonly QueuedFrame[] | undefined {
    const frames = this.replay(epoch, 0);
    const oldest = frames?.[0]?.receivedUnixUs ?? Number.POSITIVE_INFINITY;
    return this.#options.clock.nowUnixUs() - oldest <= FRESH_MS * 1_000 ? frames : undefined;
  }

  /** Takes a message of the stream's channel, or a group from the listener's reply channel. Throws WireError if a frame cannot be read. */
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
   * How many watch here, for the streamer of this incarnation; undefined if none is known. Called about once a second, when it
   * also asks again for a group that has not come, and concludes from long silence that the stream is over.
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

  /** Resolves once viewers can be given something, or it has been waited for so long that the stream seems not to be live. */
  settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Called some times a second. */
  tick(nowMs: number): void {
    this.fanOut.tick(nowMs);
  }

  /** Nobody watches any more. */
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
      // What waits of the older one is handed on, gaps or not.
      this.#release(known, Number.POSITIVE_INFINITY);
      if (!known.ended) this.#end(known, endMark(known, EndReason.SUPERSEDED));
    }
    const live: Live = new LiveEpoch(envelope, entries[0], nowMs);
    this.#live = live;
    if (live.complete) this.#begin(live);
    else this.#awaitGroup(live, nowMs);
    return live;
  }

  /** A broadcaster who returns after END(LOST) goes on in the same epoch; what a hung server delivers late does not. */
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
    // Viewers leave the older one when they hear of the newer.
    if (this.#fanOut.epoch !== live.epoch) this.#fanOut = { epoch: live.epoch, viewers: new FanOut(this.#options.fanOut) };
    for (const subscriber of this.#subscribers) subscriber.began();
  }

  /** Hands on what is in order, asks for what is missing, and ends the epoch when all before its end has been dealt with. */
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
      this.#cancelGapTick ??= clock.after(GAP_TICK_MS, () => {
        // What arrived while this process was busy or stopped is read before anything is given up.
        this.#cancelGapTick = clock.soon(() => {
          this.#cancelGapTick = undefined;
          if (this.#live !== undefined) this.#release(this.#live, clock.nowMs());
        });
      });
    } else if (live.ending !== undefined && !live.ended) this.#end(live, live.ending);
  }

  #deliver(frames: readonly QueuedFrame[], missing: readonly NumberRange[]): void {
    if (missing.length > 0) this.#say(encodeGaps(missing, GapReason.LOST));
    this.fanOut.push(frames);
  }

  /** To every viewer, after the frames before it. */
  #say(message: Uint8Array): void {
    this.fanOut.flush();
    for (const subscriber of this.#subscribers) subscriber.say(message);
  }

  /** The group that was asked for. Viewers have waited for it; if they were tired of waiting, they are given it now. */
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

  /** The streamer repeats the number in every beat; viewers are told of changes. */
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
