// One broadcast in one process. In: the frames of its current publisher. Out: frames to the live
// feed, and batches to the log. It outlives the publisher, so that a broadcaster who returns can
// resume it. Invariant: an acknowledged frame is durable.
import { create } from '@bufbuild/protobuf';
import { type Ended, EndedSchema, EndReason, kindTraits, Limits, type Range, type StreamHeader, WireError } from '@hayate/protocol';
import { type LiveStream, LiveStreamSchema, type RepairRequest } from '@hayate/protocol/server';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';
import { LogRefusedError } from '../log/log.ts';
import type { Shards } from '../shard/shard.ts';
import { type AppendBudget, type AppendLimits, AppendQueue } from './append-queue.ts';
import { Audience } from './audience.ts';
import { type CheckedFrame, checkFrame } from './frame-check.ts';
import { LiveFeed } from './live-feed.ts';
import type { PublicationMetrics } from './publication-metrics.ts';
import type { DismissalCode, Publisher } from './publisher.ts';

interface PublicationOptions {
  stream: string;
  epoch: bigint;
  incarnation: bigint;
  clock: Clock;
  /** Everything before this sequence is durable, according to a ticket. */
  nextSequence: number;
  shards: Shards;
  log: Log;
  budget: AppendBudget;
  limits: AppendLimits & { frameBytesMax: number };
  metrics: PublicationMetrics;
  /** Called once, when the epoch has ended. */
  onEnded: () => void;
}

/** A broadcast. */
export class Publication {
  readonly stream: string;
  readonly epoch: bigint;
  readonly audience = new Audience();
  readonly #options: PublicationOptions;
  readonly #append: AppendQueue;
  readonly #feed: LiveFeed;
  readonly #startedUnixMs: number;
  #generation = 0;
  #labels: Readonly<Record<string, string>> = {};
  #publisher: Publisher | undefined;
  #header: StreamHeader | undefined;
  #highest = -1;
  #ackedSequence: number;
  #endSequence: number | undefined;
  #ended: EndReason | undefined;
  #bits: { windowStartMs: number; bytes: number; perSecond: number };

  constructor(options: PublicationOptions) {
    this.stream = options.stream;
    this.epoch = options.epoch;
    this.#options = options;
    this.#ackedSequence = options.nextSequence;
    this.#highest = options.nextSequence - 1;
    this.#startedUnixMs = options.clock.nowUnixUs() / 1_000;
    this.#bits = { windowStartMs: options.clock.nowMs(), bytes: 0, perSecond: 0 };
    this.#feed = new LiveFeed({ ...options, generation: () => this.#generation });
    this.#append = new AppendQueue({
      clock: options.clock,
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
      viewers: () => this.audience.viewers(options.clock.nowMs()),
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

  /** Whether a publisher is attached. */
  get attached(): boolean {
    return this.#publisher !== undefined;
  }

  /** The sequence the server wants next. */
  get nextSequence(): number {
    return this.#append.nextSequence;
  }

  /**
   * Attaches a publisher to the broadcast. An older one is dismissed and returned. The publisher
   * vouches for everything before `vouchedSequence`: it was acknowledged by an earlier process.
   */
  attach(
    publisher: Publisher,
    generation: number,
    labels: Readonly<Record<string, string>>,
    vouchedSequence: number,
  ): Publisher | undefined {
    const older = this.#publisher;
    this.#publisher = publisher;
    // Each publisher declares the end itself.
    if (this.#ended === undefined) this.#endSequence = undefined;
    older?.dismiss('SUPERSEDED');
    // Gathered frames carry the labels and generation under which they arrived.
    this.#append.flush();
    this.#generation = generation;
    this.#labels = labels;
    if (vouchedSequence > 0) this.#append.vouch(vouchedSequence);
    return older;
  }

  /** The publisher has left. The broadcast waits for another one. */
  detach(publisher: Publisher): void {
    if (this.#publisher === publisher) this.#publisher = undefined;
  }

  /**
   * Takes the frames of one message: to viewers at once, to the log in batches. Throws for the
   * first frame that breaks the contract; the frames before it are taken.
   */
  take(frames: readonly Uint8Array[]): void {
    const receivedUnixUs = this.#options.clock.nowUnixUs();
    try {
      for (const frame of frames) this.#takeFrame(frame, receivedUnixUs);
    } finally {
      this.#feed.flush();
    }
  }

  /** Takes ranges that the broadcaster will never send. */
  takeDropped(ranges: readonly Range[]): void {
    for (const range of ranges) {
      this.#checkEnded(Number(range.last));
      this.#options.metrics.declaredDropped.inc(Number(range.last - range.first) + 1);
      this.#append.addDropped(range);
      this.#highest = Math.max(this.#highest, Number(range.last));
    }
  }

  /** The highest sequence that a frame or a dropped range may name, plus 1. */
  get sequenceEnd(): number {
    return this.#highest + 1 + Limits.sequenceJumpMax;
  }

  /**
   * Declares that the epoch consists of the frames before `endSequence`. It ends once they are
   * durable. Throws WireError if the epoch has later frames, or if a different end was declared
   * before.
   */
  finish(endSequence: number): void {
    if (endSequence <= this.#highest) throw new WireError('END is below a sequence that was sent or declared');
    if (endSequence !== (this.#endSequence ?? endSequence)) throw new WireError('END names a different sequence than before');
    this.#endSequence = endSequence;
    this.#append.flush();
    this.#acknowledge();
  }

  /** Ends the epoch for viewers and in the log, even if frames are still missing. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    const end = this.#endMark(reason);
    this.#append.addEnd(end);
    this.#feed.end(end);
    this.#options.onEnded();
  }

  /** Records that `listener` has this many viewers of this broadcast. */
  report(listener: bigint, viewers: number): void {
    this.audience.report(listener, viewers, this.#options.clock.nowMs());
  }

  /** Answers a listener that misses frames or begins to follow. */
  takeRequest(request: RepairRequest, replyChannel: string): void {
    if (request.missing.length > 0)
      this.#feed.repair(request.missing.map(({ first, last }) => ({ first: Number(first), last: Number(last) })));
    if (request.groupReplyChannel === replyChannel) this.#feed.sendGroup(replyChannel);
  }

  /** Sends viewers what they must hear even when nothing happens. Called about every 100 ms. */
  tick(nowMs: number): void {
    this.#feed.tick(nowMs);
  }

  /**
   * Tells viewers and the publisher the number of viewers when it has changed. Called about once
   * a second.
   */
  tellViewers(nowMs: number): void {
    const viewers = this.audience.viewers(nowMs);
    if (this.#feed.tellViewers(viewers)) this.#publisher?.tellViewers(viewers);
  }

  /** The broadcast as the directory lists it. */
  listing(nowMs: number): LiveStream {
    return create(LiveStreamSchema, {
      stream: this.stream,
      epoch: this.epoch,
      generation: this.#generation,
      title: this.#header?.title ?? '',
      avatar: this.#header?.avatar ?? '',
      startedUnixMs: BigInt(Math.round(this.#startedUnixMs)),
      viewers: this.audience.viewers(nowMs),
      bitsPerSecond: this.#measureBits(nowMs),
      nextSequence: BigInt(this.#feed.nextSequence),
    });
  }

  /** Dismisses the publisher, if there is one. */
  dismissPublisher(code: DismissalCode): void {
    this.#publisher?.dismiss(code);
  }

  /**
   * Whether the epoch's end is in the log and every listener has had time to learn of it: nothing
   * more will happen here.
   */
  settled(nowMs: number): boolean {
    return this.#append.endDurable && this.#feed.over(nowMs);
  }

  /** Resolves once everything taken is settled and acknowledged. */
  async drain(): Promise<void> {
    await this.#append.drain();
  }

  close(): void {
    this.#append.close();
  }

  #takeFrame(frame: Uint8Array, receivedUnixUs: number): void {
    const { metrics, limits } = this.#options;
    const checked: CheckedFrame = checkFrame(frame, {
      stream: this.stream,
      epoch: this.epoch,
      frameBytesMax: limits.frameBytesMax,
      sequenceEnd: this.sequenceEnd,
    });
    const { sequence, kind } = checked.header;
    this.#checkEnded(sequence);
    metrics.frames.inc({ kind: kindTraits(kind).name });
    metrics.bytes.inc(frame.length);
    this.#bits.bytes += frame.length;
    this.#highest = Math.max(this.#highest, sequence);
    if (this.#append.has(sequence)) metrics.duplicates.inc();
    else this.#append.add(sequence, frame, receivedUnixUs);
    if (!this.#feed.add(frame, checked.header, receivedUnixUs)) metrics.framesNotLive.inc({ reason: 'resent' });
    else if (checked.streamHeader !== undefined) this.#header = checked.streamHeader;
  }

  #checkEnded(sequence: number): void {
    if (this.#endSequence !== undefined && sequence >= this.#endSequence) throw new WireError('a sequence is not below END');
  }

  #acknowledge(): void {
    const next = this.nextSequence;
    if (this.#endSequence !== undefined && next >= this.#endSequence && this.#ended === undefined) this.end(FINISHED);
    if (next > this.#ackedSequence) {
      this.#ackedSequence = next;
      this.#publisher?.acknowledge(next);
    }
    if (!this.#append.endDurable) return;
    this.#append.close();
    if (this.#ended === FINISHED) this.#publisher?.finish(this.#endMark(FINISHED));
  }

  #resend(): void {
    this.#publisher?.resend(this.nextSequence);
    if (this.#ended !== undefined) this.#append.addEnd(this.#endMark(this.#ended));
  }

  #endMark(reason: EndReason): Ended {
    return create(EndedSchema, { epoch: this.epoch, nextSequence: BigInt(this.#endSequence ?? this.#highest + 1), reason });
  }

  /** Bits per second since the last measurement, which is at least a second old. */
  #measureBits(nowMs: number): number {
    const elapsed = nowMs - this.#bits.windowStartMs;
    if (elapsed >= 1_000) this.#bits = { windowStartMs: nowMs, bytes: 0, perSecond: Math.round((this.#bits.bytes * 8_000) / elapsed) };
    return this.#bits.perSecond;
  }
}

const { FINISHED } = EndReason;
