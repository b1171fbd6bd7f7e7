// The live side of one epoch: frames in; envelopes to the stream's channel out, each frame naming the one before it. Keeps
// what late joiners need and what may have to be published again. Invariant: sequences published for the first time rise.
import { create, toBinary } from '@bufbuild/protobuf';
import type { Ended, FrameHeader, NumberRange } from '@hayate/protocol';
import { EnvelopeSchema, encodeEnvelope } from '@hayate/protocol/server';
import type { Clock } from '../kernel/clock.ts';
import { CurrentGroup } from '../live/current-group.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import { RecentFrames } from '../live/recent-frames.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import { Repair } from './repair.ts';
import type { StreamerMetrics } from './streamer-metrics.ts';

/** After so long without a frame listeners are told which was the last, as it may have been lost. */
const TAIL_MS = 100;
/** And again this often, so that a listener that joins a silent stream learns of it. */
const BEAT_MS = 1_000;
/** END is published again this often, */
const END_AGAIN_MS = 500;
/** for so long, and repair goes on meanwhile. */
const END_LASTS_MS = 3_000;
/** What mends a loss goes by two servers at once, and by all if that was not enough. */
const REPAIR_COPIES = 2;

export interface LiveFeedOptions {
  stream: string;
  epoch: bigint;
  incarnation: bigint;
  generation: () => number;
  /** Frames before this are not published. */
  nextSequence: number;
  clock: Clock;
  shards: Shards;
  metrics: StreamerMetrics;
}

interface Content {
  end?: Ended;
  group?: boolean;
  nextSequence?: bigint;
  viewers?: number;
}

/** The live side of a broadcast. */
export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #group = new CurrentGroup<LiveEntry>();
  readonly #recent: RecentFrames<LiveEntry>;
  readonly #repair: Repair;
  readonly #channel: string;
  /** The sequence after the newest one published; 0 before the first. */
  #nextSequence = 0;
  #gathered: LiveEntry[] = [];
  #plainHead: { generation: number; bytes: Uint8Array } | undefined;
  #publishedMs: number;
  /** Listeners were told the last sequence. */
  #tailTold = false;
  #viewersTold = 0;
  #end: { mark: Ended; sinceMs: number } | undefined;

  constructor(options: LiveFeedOptions) {
    const { clock, metrics, stream } = options;
    this.#options = options;
    this.#channel = Channels.live(stream);
    this.#recent = new RecentFrames(options.nextSequence);
    this.#publishedMs = clock.nowMs();
    this.#repair = new Repair({
      clock,
      recent: this.#recent,
      publish: (entries, isAgain) => {
        metrics.repairedFrames.inc(entries.length);
        this.#publish({}, entries, this.#channel, isAgain ? Number.POSITIVE_INFINITY : REPAIR_COPIES);
      },
    });
  }

  /** The sequence after the newest one published. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Takes a frame, to be published by `flush`. False if one that is not older has been published: it is not live any more. */
  add(frame: Uint8Array, header: FrameHeader, receivedUnixUs: number): boolean {
    if (header.sequence < this.#nextSequence) return false;
    const entry: LiveEntry = { frame, header, receivedUnixUs, previousPlusOne: this.#nextSequence };
    this.#group.add(entry);
    this.#recent.push(entry);
    this.#gathered.push(entry);
    this.#nextSequence = header.sequence + 1;
    return true;
  }

  /** Publishes what was added since the last call. */
  flush(): void {
    const frames = this.#gathered;
    if (frames.length === 0) return;
    this.#gathered = [];
    this.#tailTold = false;
    this.#publish({}, frames);
  }

  /** Publishes again what listeners missed. */
  repair(ranges: readonly NumberRange[]): void {
    this.#repair.answer(ranges);
  }

  /** Answers a listener that begins to follow the stream: the current group, and the last seconds for viewers who come back to it. */
  sendGroup(channel: string): void {
    const entries = new Map([...this.#group.entries(), ...this.#recent.frames].map((entry) => [entry.header.sequence, entry]));
    const frames = [...entries.values()].sort((a, b) => a.header.sequence - b.header.sequence);
    this.#publish({ group: true, nextSequence: BigInt(this.#nextSequence) }, frames, channel, REPAIR_COPIES);
  }

  /** Tells viewers how many they are. False: that has not changed. */
  tellViewers(viewers: number): boolean {
    if (viewers === this.#viewersTold || this.#end !== undefined) return false;
    this.#viewersTold = viewers;
    this.#publish({ viewers, nextSequence: BigInt(this.#nextSequence) });
    return true;
  }

  /** The epoch is over. */
  end(mark: Ended): void {
    this.#end = { mark, sinceMs: this.#options.clock.nowMs() };
    this.#publishEnd(mark);
  }

  /** Says what silence alone does not: that the stream lives, where it stands, that it has ended. Called every 100 ms or so. */
  tick(nowMs: number): void {
    const silentMs = nowMs - this.#publishedMs;
    if (this.#end !== undefined) {
      if (silentMs >= END_AGAIN_MS && !this.over(nowMs)) this.#publishEnd(this.#end.mark);
    } else if (silentMs >= (this.#tailTold ? BEAT_MS : TAIL_MS)) {
      this.#publish({ viewers: this.#viewersTold, nextSequence: BigInt(this.#nextSequence) });
      this.#tailTold = true;
    }
  }

  /** Whether everybody has had time to learn of the end. */
  over(nowMs: number): boolean {
    return this.#end !== undefined && nowMs - this.#end.sinceMs >= END_LASTS_MS;
  }

  #publishEnd(end: Ended): void {
    this.#publish({ end, nextSequence: BigInt(this.#nextSequence) }, [], this.#channel, Number.POSITIVE_INFINITY);
  }

  #publish(content: Content, frames: readonly LiveEntry[] = [], channel = this.#channel, copies?: number): void {
    if (channel === this.#channel) this.#publishedMs = this.#options.clock.nowMs();
    this.#options.shards.publish(channel, encodeEnvelope(this.#headOf(content), frames), copies);
  }

  /** An envelope without frames; that which only carries frames is the same for all of a generation. */
  #headOf(content: Content): Uint8Array {
    const { stream, epoch, incarnation } = this.#options;
    const generation = this.#options.generation();
    const plain = Object.keys(content).length === 0;
    if (plain && this.#plainHead?.generation === generation) return this.#plainHead.bytes;
    const bytes = toBinary(EnvelopeSchema, create(EnvelopeSchema, { stream, epoch, incarnation, generation, ...content }));
    if (plain) this.#plainHead = { generation, bytes };
    return bytes;
  }
}
