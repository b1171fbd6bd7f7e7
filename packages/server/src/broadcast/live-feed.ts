// The live side of one epoch. In: frames. Out: envelopes on the stream's channel, each frame naming
// the one before it. Keeps the frames that late joiners need and those that may have to be
// published again. Invariant: the sequences of first publications ascend.
import { create, toBinary } from '@bufbuild/protobuf';
import type { Ended, FrameHeader, NumberRange } from '@hayate/protocol';
import { EnvelopeSchema, encodeEnvelope } from '@hayate/protocol/server';
import type { Clock } from '../kernel/clock.ts';
import { CurrentGroup } from '../live/current-group.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import { RecentFrames } from '../live/recent-frames.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import type { PublicationMetrics } from './publication-metrics.ts';
import { Repair } from './repair.ts';

/**
 * After this long without a frame, listeners are told the last sequence, since that frame may be
 * lost.
 */
const TAIL_MS = 100;
/**
 * The last sequence is repeated this often, so that a listener that joins a silent stream learns
 * it.
 */
const BEAT_MS = 1_000;
/** How often END is published again. */
const END_AGAIN_MS = 500;
/** How long END is repeated. Repair continues during this time. */
const END_LASTS_MS = 3_000;
/** Repairs are sent over two servers at once, and over all if that was not enough. */
const REPAIR_COPIES = 2;

interface LiveFeedOptions {
  stream: string;
  epoch: bigint;
  incarnation: bigint;
  generation: () => number;
  /** Frames before this sequence are not published. */
  nextSequence: number;
  clock: Clock;
  shards: Shards;
  metrics: Pick<PublicationMetrics, 'repairedFrames'>;
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
  /** The newest published sequence plus 1; 0 before the first. */
  #nextSequence = 0;
  #gathered: LiveEntry[] = [];
  #plainHead: { generation: number; bytes: Uint8Array } | undefined;
  #publishedMs: number;
  /** Whether listeners were told the last sequence. */
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

  /** The newest published sequence plus 1; 0 before the first. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /**
   * Takes a frame, which `flush` publishes. False: the same or a newer frame was published, so this
   * one is no longer live.
   */
  add(frame: Uint8Array, header: FrameHeader, receivedUnixUs: number): boolean {
    if (header.sequence < this.#nextSequence) return false;
    const entry: LiveEntry = { frame, header, receivedUnixUs, previousPlusOne: this.#nextSequence };
    this.#group.add(entry);
    this.#recent.push(entry);
    this.#gathered.push(entry);
    this.#nextSequence = header.sequence + 1;
    return true;
  }

  /** Publishes the frames added since the last call. */
  flush(): void {
    const frames = this.#gathered;
    if (frames.length === 0) return;
    this.#gathered = [];
    this.#tailTold = false;
    this.#publish({}, frames);
  }

  /** Publishes frames again that listeners missed. */
  repair(ranges: readonly NumberRange[]): void {
    this.#repair.answer(ranges);
  }

  /**
   * Answers a listener that begins to follow the stream: the current group, and the last seconds
   * for viewers who return to it.
   */
  sendGroup(channel: string): void {
    const entries = new Map([...this.#group.entries(), ...this.#recent.frames].map((entry) => [entry.header.sequence, entry]));
    const frames = [...entries.values()].sort((a, b) => a.header.sequence - b.header.sequence);
    this.#publish({ group: true, nextSequence: BigInt(this.#nextSequence) }, frames, channel, REPAIR_COPIES);
  }

  /** Tells viewers how many viewers there are. False: the number has not changed. */
  tellViewers(viewers: number): boolean {
    if (viewers === this.#viewersTold || this.#end !== undefined) return false;
    this.#viewersTold = viewers;
    this.#publish({ viewers, nextSequence: BigInt(this.#nextSequence) });
    return true;
  }

  /** Ends the epoch. */
  end(mark: Ended): void {
    this.#end = { mark, sinceMs: this.#options.clock.nowMs() };
    this.#publishEnd(mark);
  }

  /**
   * Repeats what listeners cannot infer from silence: that the stream is live, its last sequence,
   * and that it has ended. Called about every 100 ms.
   */
  tick(nowMs: number): void {
    const silentMs = nowMs - this.#publishedMs;
    if (this.#end !== undefined) {
      if (silentMs >= END_AGAIN_MS && !this.over(nowMs)) this.#publishEnd(this.#end.mark);
    } else if (silentMs >= (this.#tailTold ? BEAT_MS : TAIL_MS)) {
      this.#publish({ viewers: this.#viewersTold, nextSequence: BigInt(this.#nextSequence) });
      this.#tailTold = true;
    }
  }

  /** Whether every listener has had time to learn of the end. */
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

  /**
   * The encoded envelope without its frames. An envelope that carries only frames has the same head
   * throughout a generation.
   */
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
