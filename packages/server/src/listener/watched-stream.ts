// One stream in one listener: envelopes in, from whichever streamer and epoch is newest; ordered frames, once each, out to
// its viewers. Holds the current group for late joiners and the last seconds for viewers who come back.
import { create, toBinary } from '@bufbuild/protobuf';
import { type Ended, EndReason, encodeServerFrame, peekFrame, type Range, RangeSchema } from '@hayate/protocol';
import { type Envelope, type LiveFrame, RepairRequestSchema } from '@hayate/protocol/server';
import { CurrentGroup } from '../live/current-group.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import { History } from './history.ts';
import type { ListenerMetrics } from './listener-metrics.ts';
import type { QueuedFrame } from './viewer-queue.ts';

/** What happens in a stream, to one of its viewers. */
export interface WatchedStreamSubscriber {
  /** The stream became live, or another epoch of it. */
  began(): void;
  frames(frames: readonly QueuedFrame[]): void;
  /** Frames that will not come. */
  lost(ranges: readonly Range[]): void;
  ended(end: Ended): void;
  audience(viewers: number): void;
}

/** The newest epoch of the stream. */
interface Live {
  epoch: bigint;
  incarnation: bigint;
  /** The sequence that viewers are given next. */
  nextSequence: number;
  group: CurrentGroup;
  history: History;
  /** Whether the stream was joined before its first frame or the group has come. */
  complete: boolean;
  /** Viewers are given nothing until the group is complete, so that a HEADER comes first, or has been waited for long enough. */
  begun: boolean;
  ended: boolean;
}

/** Viewers wait for a group at most this long. */
const GROUP_WAIT_MS = 200;

/** A stream with viewers. */
export class WatchedStream {
  readonly name: string;
  readonly #shards: Shards;
  readonly #metrics: ListenerMetrics;
  readonly #listener: bigint;
  readonly #subscribers = new Set<WatchedStreamSubscriber>();
  #live: Live | undefined;
  #viewers = 0;
  #groupWait: NodeJS.Timeout | undefined;

  constructor(options: { name: string; shards: Shards; metrics: ListenerMetrics; listener: bigint }) {
    this.name = options.name;
    this.#shards = options.shards;
    this.#metrics = options.metrics;
    this.#listener = options.listener;
  }

  /** The epoch that is live; undefined if none is. */
  get live(): { epoch: bigint; nextSequence: number } | undefined {
    return this.#live === undefined || !this.#live.begun || this.#live.ended ? undefined : this.#live;
  }

  get viewers(): number {
    return this.#viewers;
  }

  add(subscriber: WatchedStreamSubscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: WatchedStreamSubscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** What a viewer who joins now is given first: the current group. */
  currentGroup(): QueuedFrame[] {
    return (this.#live?.group.entries() ?? []).map((entry) => ({ ...entry, message: encodeServerFrame(entry.frame) }));
  }

  /** The frames from `sequence` of `epoch` on, if they are all still held. */
  replay(epoch: bigint, sequence: number): readonly QueuedFrame[] | undefined {
    const live = this.#live;
    if (live === undefined || live.epoch !== epoch) return undefined;
    return sequence === live.nextSequence ? [] : live.history.since(sequence);
  }

  /** Takes a message of the stream's channel, or a group from the listener's reply channel. */
  take(envelope: Envelope): void {
    if (envelope.stream !== this.name || (this.#live !== undefined && envelope.epoch < this.#live.epoch)) return;
    if (envelope.group) {
      this.#takeGroup(envelope);
      return;
    }
    const live = this.#follow(envelope);
    if (live === undefined) return;
    if (envelope.frames.length > 0) this.#takeFrames(live, envelope.frames);
    if (envelope.viewers !== undefined) {
      this.#viewers = envelope.viewers;
      for (const subscriber of this.#subscribers) subscriber.audience(envelope.viewers);
    }
    if (envelope.end !== undefined && !live.ended) this.#end(live, envelope.end);
  }

  /** Tells the streamer how many watch here, and asks again for a group that has not come. */
  reportViewers(): void {
    const live = this.#live;
    if (live === undefined || live.ended) return;
    this.#request(live, {
      viewers: this.#subscribers.size,
      ...(live.complete ? {} : { groupReplyChannel: Channels.reply(this.#listener) }),
    });
  }

  /** The newest epoch, which this envelope may begin. */
  #follow(envelope: Envelope): Live | undefined {
    const known = this.#live;
    if (known !== undefined && known.epoch === envelope.epoch) {
      known.incarnation = envelope.incarnation;
      // A broadcaster who returns after END(LOST) goes on in the same epoch.
      if (known.ended && envelope.frames.length > 0) {
        known.ended = false;
        this.#begin(known);
      }
      return known;
    }
    if (envelope.end !== undefined) return undefined;
    const [first] = envelope.frames;
    if (known !== undefined && !known.ended)
      this.#end(known, {
        $typeName: 'hayate.v1.Ended',
        epoch: known.epoch,
        nextSequence: BigInt(known.nextSequence),
        reason: EndReason.SUPERSEDED,
      });
    const nextSequence = first === undefined ? Number(envelope.nextSequence) : peekFrame(first.frame).sequence;
    const complete = first === undefined ? nextSequence === 0 : first.previousPlusOne === 0n;
    const live: Live = {
      epoch: envelope.epoch,
      incarnation: envelope.incarnation,
      nextSequence,
      group: new CurrentGroup(),
      history: new History(),
      complete,
      begun: false,
      ended: false,
    };
    this.#live = live;
    if (complete) this.#begin(live);
    else {
      this.#request(live, { groupReplyChannel: Channels.reply(this.#listener) });
      clearTimeout(this.#groupWait);
      this.#groupWait = setTimeout(() => this.#begin(live), GROUP_WAIT_MS);
    }
    return live;
  }

  #begin(live: Live): void {
    clearTimeout(this.#groupWait);
    if (this.#live !== live || live.ended) return;
    live.begun = true;
    for (const subscriber of this.#subscribers) subscriber.began();
  }

  #takeFrames(live: Live, frames: readonly LiveFrame[]): void {
    const due: QueuedFrame[] = [];
    const lost: Range[] = [];
    for (const { frame, receivedUnixUs, previousPlusOne } of frames) {
      const header = peekFrame(frame);
      if (header.sequence < live.nextSequence) {
        this.#metrics.duplicates.inc();
        continue;
      }
      if (header.sequence > live.nextSequence) {
        lost.push(create(RangeSchema, { first: BigInt(live.nextSequence), last: BigInt(header.sequence - 1) }));
        // What the streamer itself did not publish live is no loss of ours.
        if (Number(previousPlusOne) > live.nextSequence) this.#metrics.lost.inc(Number(previousPlusOne) - live.nextSequence);
      }
      live.nextSequence = header.sequence + 1;
      const entry: QueuedFrame = { frame, header, receivedUnixUs: Number(receivedUnixUs), message: encodeServerFrame(frame) };
      live.group.add(entry);
      live.history.push(entry);
      due.push(entry);
    }
    this.#metrics.frames.inc(due.length);
    if (!live.begun) return;
    for (const subscriber of this.#subscribers) {
      if (lost.length > 0) subscriber.lost(lost);
      if (due.length > 0) subscriber.frames(due);
    }
  }

  /** The group that was asked for. Viewers have waited for it; if they were tired of waiting, they are given it now. */
  #takeGroup(envelope: Envelope): void {
    const live = this.#live;
    if (live === undefined || live.epoch !== envelope.epoch || live.complete) return;
    live.complete = true;
    const older: QueuedFrame[] = [];
    for (const { frame, receivedUnixUs } of envelope.frames) {
      const header = peekFrame(frame);
      if (header.sequence >= live.nextSequence) continue;
      const entry: QueuedFrame = { frame, header, receivedUnixUs: Number(receivedUnixUs), message: encodeServerFrame(frame) };
      live.group.add(entry);
      older.push(entry);
    }
    if (!live.begun) this.#begin(live);
    else if (older.length > 0) for (const subscriber of this.#subscribers) subscriber.frames(older);
  }

  #end(live: Live, end: Ended): void {
    live.ended = true;
    this.#viewers = 0;
    if (live.begun) for (const subscriber of this.#subscribers) subscriber.ended(end);
  }

  /** Nobody watches any more. */
  close(): void {
    clearTimeout(this.#groupWait);
  }

  #request(live: Live, content: { viewers?: number; groupReplyChannel?: string }): void {
    const request = create(RepairRequestSchema, { stream: this.name, epoch: live.epoch, listener: this.#listener, ...content });
    this.#shards.publish(Channels.repair(live.incarnation), toBinary(RepairRequestSchema, request));
  }
}
