// Watches one stream: messages in; headers, voice packets, poses and events out, each frame once,
// over a connection that reconnects by itself. Invariant: every frame since the viewer joined is
// given to listeners, or counted with its reason.
import {
  type Ended,
  type FrameHeader,
  framePayload,
  type Gap,
  GapReason,
  isStreamName,
  Kind,
  Limits,
  PATHS,
  peekFrame,
  type ServerMessage,
  type StreamHeader,
  Timing,
  type Watching,
} from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import type { Clock } from '../connection/clock.ts';
import type { ConnectionState, StateChange } from '../connection/connection-state.ts';
import { endReasonName } from '../connection/end-reason.ts';
import { Link, type LinkOwner } from '../connection/link.ts';
import { Emitter } from '../emitter.ts';
import { RateMeter } from '../rate-meter.ts';
import { type HeaderFrame, readFrameContent } from './frame-content.ts';
import { LatencyWindow } from './latency-window.ts';
import { MotionDecoder } from './motion-decoder.ts';
import { type MissingReason, SequenceAccount } from './sequence-account.ts';
import type { GapReport, MeasuredMs, ViewerEvents, ViewerOptions, ViewerStatistics } from './viewer-api.ts';

/** The state of one epoch. */
interface EpochView {
  readonly epoch: bigint;
  readonly account: SequenceAccount;
  readonly motion: MotionDecoder;
  /** The newest sequence that arrived; -1 before the first. */
  received: number;
  /** Whether a frame has arrived since the last receipt. */
  unreported: boolean;
  header: { content: StreamHeader; sequence: number } | undefined;
}

const LATENCY_PERCENTILE = 0.5;
/** A timer that fires a little early still sends its receipt. */
const TIMER_SLACK_MS = 20;

/**
 * Watches one stream. Events: see ViewerEvents. Use an instance once; after close() make another.
 */
export class Viewer extends Emitter<ViewerEvents> {
  readonly clock: Clock;
  readonly #link: Link;
  readonly #meter = new RateMeter();
  readonly #latency = new LatencyWindow();
  readonly #frames = { header: 0, audio: 0, motion: 0, event: 0, custom: 0 };
  readonly #missing = { lost: 0, slow: 0, expired: 0 };
  #duplicates = 0;
  #deltasWithoutKey = 0;
  #malformed = 0;
  #viewers = 0;
  #view: EpochView | undefined;
  #hasEnded = false;
  /** The current message is the first of a connection. */
  #isWelcome = false;
  #absence: ReturnType<typeof setTimeout> | undefined;
  #receiptMs = 0;
  #receiptIntervalMs: number = Limits.receiptIntervalMs;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Throws ClientError INVALID for options that no server would accept. */
  constructor(options: ViewerOptions) {
    super();
    if (!isStreamName(options.stream)) throw new ClientError('INVALID', 'A stream name has 1 to 64 characters of A-Z, a-z, 0-9, _ and -.');
    const owner: LinkOwner = {
      hello: (token) => ({
        watch: { stream: options.stream, token, epoch: this.#view?.epoch ?? 0n, nextSequence: BigInt(this.#view?.account.next ?? 0) },
      }),
      welcome: ({ watching }) => {
        this.#isWelcome = watching !== undefined;
        return watching === undefined ? undefined : Number(watching.serverUnixUs);
      },
      onMessage: (message, bytes) => this.#receive(message, bytes),
      onState: (change) => this.#become(change),
      recovers: () => false,
    };
    this.#link = new Link(options, PATHS.watch, owner);
    this.clock = this.#link.clock;
  }

  get state(): ConnectionState {
    return this.#link.state;
  }

  /** The epoch being watched; undefined while the stream is not live. */
  get epoch(): bigint | undefined {
    return this.#hasEnded ? undefined : this.#view?.epoch;
  }

  /** The epoch's latest header; undefined before the first. */
  get header(): StreamHeader | undefined {
    return this.#view?.header?.content;
  }

  /** A snapshot of the statistics. */
  get stats(): ViewerStatistics {
    const nowMs = this.clock.nowMs();
    const ms = this.#latency.percentile(LATENCY_PERCENTILE);
    return {
      state: this.state,
      frames: { ...this.#frames },
      missing: { lost: this.#missed('lost'), slow: this.#missed('slow'), expired: this.#missed('expired') },
      duplicates: this.#duplicates + (this.#view?.account.duplicates ?? 0),
      deltasWithoutKey: this.#deltasWithoutKey,
      malformed: this.#malformed,
      bitsPerSecond: this.#meter.bitsPerSecond(nowMs),
      roundTripMs: this.#link.clockEstimate.roundTripMs,
      clock: this.#link.clockEstimate.at(nowMs),
      latency: ms === undefined ? undefined : { ms, errorMs: this.#clockErrorMs(nowMs) },
      viewers: this.#viewers,
      reconnects: this.#link.reconnects,
    };
  }

  /** Frames missing so far, for any reason. */
  get missingFrames(): number {
    return this.#missed('lost') + this.#missed('slow') + this.#missed('expired');
  }

  /**
   * Connects. Resolves when connected, even while the stream is not live; rejects with ClientError
   * REFUSED or UNREACHABLE.
   */
  connect(): Promise<void> {
    return this.#link.connect();
  }

  /**
   * How long before `clockMs` (default: now) the moment `captureUs` of this epoch was, by the
   * server's clock as both ends estimate it; undefined before header and clock are known.
   */
  ageOf(captureUs: number, clockMs = this.clock.nowMs()): MeasuredMs | undefined {
    const offset = this.#link.clockEstimate.at(clockMs);
    const header = this.header;
    if (offset === undefined || header === undefined || header.originUnixUs === 0n) return undefined;
    const ms = (clockMs * 1000 + offset.offsetUs - Number(header.originUnixUs) - captureUs) / 1000;
    return { ms, errorMs: this.#clockErrorMs(clockMs) };
  }

  /** Stops watching. */
  close(): void {
    this.#link.close();
  }

  #missed(reason: MissingReason): number {
    return this.#missing[reason] + (this.#view?.account.missing(reason) ?? 0);
  }

  #clockErrorMs(nowMs: number): number {
    return ((this.#link.clockEstimate.at(nowMs)?.errorUs ?? 0) + (this.header?.originErrorUs ?? 0)) / 1000;
  }

  #receive(message: ServerMessage, bytes: number): void {
    this.#meter.add(bytes, this.clock.nowMs());
    if (message.watching !== undefined) this.#watch(message.watching);
    for (const { take } of this.#inOrder(message)) take();
    this.#report();
    if (message.audience !== undefined) {
      this.#viewers = message.audience.viewers;
      this.emit('audience', { viewers: this.#viewers });
    }
    if (message.ended !== undefined && message.ended.epoch === this.#view?.epoch) this.#end(message.ended);
  }

  /** A message's gaps and readable frames, together in the order of their sequences. */
  #inOrder({ gaps, frames }: ServerMessage): { first: number; take: () => void }[] {
    const parts = gaps.map((gap) => ({ first: Number(gap.first), take: () => this.#gap(gap) }));
    for (const frame of frames) {
      try {
        const header = peekFrame(frame);
        parts.push({ first: header.sequence, take: () => this.#takeFrame(frame, header) });
      } catch {
        this.#malformed++;
      }
    }
    return parts.sort((one, other) => one.first - other.first);
  }

  #watch(watching: Watching): void {
    this.#receiptIntervalMs = watching.receiptIntervalMs || Limits.receiptIntervalMs;
    const isReturn = this.#isWelcome && this.epoch !== undefined;
    this.#isWelcome = false;
    clearTimeout(this.#absence);
    if (watching.epoch === 0n) {
      // A server that has only just started to follow a stream may report it as not live.
      if (isReturn) this.#absence = setTimeout(() => this.#leaveEpoch(), Timing.absenceMs);
      else this.#leaveEpoch();
      return;
    }
    const resumed = this.#view?.epoch === watching.epoch;
    if (resumed && !this.#hasEnded) return;
    if (!resumed) this.#begin(watching.epoch, Number(watching.nextSequence));
    this.#hasEnded = false;
    this.emit('epoch', { epoch: watching.epoch });
  }

  #leaveEpoch(): void {
    if (this.epoch !== undefined) this.emit('epoch', { epoch: undefined });
    this.#hasEnded = true;
  }

  #begin(epoch: bigint, joined: number): void {
    const old = this.#view?.account;
    if (old !== undefined) {
      for (const reason of ['lost', 'slow', 'expired'] as const) this.#missing[reason] += old.missing(reason);
      this.#duplicates += old.duplicates;
    }
    this.#latency.clear();
    this.#view = {
      epoch,
      account: new SequenceAccount(joined),
      motion: new MotionDecoder(),
      received: -1,
      unreported: false,
      header: undefined,
    };
  }

  #gap({ first, last, reason }: Gap): void {
    const name = gapReasonName(reason);
    this.#view?.account.explain(Number(first), Number(last), name === 'unknown' ? 'lost' : name);
    this.emit('gap', { first: Number(first), last: Number(last), reason: name });
  }

  #end({ epoch, nextSequence, reason }: Ended): void {
    if (this.#hasEnded) return;
    // Frames that were still on their way will not arrive.
    this.#view?.account.explain(0, Number(nextSequence) - 1, 'lost');
    this.#hasEnded = true;
    this.emit('ended', { epoch, nextSequence: Number(nextSequence), reason: endReasonName(reason) });
  }

  #takeFrame(frame: Uint8Array, header: FrameHeader): void {
    const view = this.#view;
    if (view === undefined || header.epoch !== view.epoch) {
      this.#malformed++;
      return;
    }
    const isLive = header.sequence >= view.account.next;
    view.received = Math.max(view.received, header.sequence);
    view.unreported = true;
    if (!view.account.take(header.sequence)) return;
    try {
      this.#give(view, header, framePayload(frame, header), isLive);
    } catch {
      // An invalid payload: this frame is lost, the next one may be good.
      this.#malformed++;
    }
  }

  #give(view: EpochView, header: FrameHeader, payload: Uint8Array, isLive: boolean): void {
    const content = readFrameContent(header, payload, view.motion);
    if (content === 'key_missing') this.#deltasWithoutKey++;
    else if (content === 'stale') this.#duplicates++;
    else if (content.name !== 'header') {
      this.#frames[content.name]++;
      this.emit(content.name, content.detail);
    } else this.#giveHeader(view, content.detail);
    const age = isLive ? this.ageOf(header.captureUs) : undefined;
    if (age !== undefined && (header.kind === Kind.AUDIO || header.kind === Kind.MOTION)) this.#latency.add(age.ms);
  }

  #giveHeader(view: EpochView, frame: HeaderFrame): void {
    if (view.header !== undefined && view.header.sequence > frame.sequence) {
      this.#duplicates++;
      return;
    }
    view.header = { content: frame.header, sequence: frame.sequence };
    this.#frames.header++;
    this.emit('header', frame);
  }

  /**
   * Tells the server which frames have arrived. Called for every message, even an empty one,
   * because timers are slow in background pages.
   */
  #report(): void {
    const nowMs = this.clock.nowMs();
    const view = this.#view;
    if (view === undefined || !view.unreported || nowMs - this.#receiptMs < this.#receiptIntervalMs - TIMER_SLACK_MS) return;
    if (this.#link.send({ receipt: { epoch: view.epoch, sequence: BigInt(view.received) } }) === 0) return;
    this.#receiptMs = nowMs;
    view.unreported = false;
  }

  #become(change: StateChange): void {
    clearInterval(this.#timer);
    if (change.state === 'ended' || change.state === 'failed') clearTimeout(this.#absence);
    if (change.state === 'live') {
      this.#receiptMs = 0;
      this.#timer = setInterval(() => this.#report(), this.#receiptIntervalMs);
    }
    this.emit('state', change);
  }
}

function gapReasonName(reason: GapReason): GapReport['reason'] {
  const { LOST, SLOW, EXPIRED } = GapReason;
  return reason === LOST ? 'lost' : reason === SLOW ? 'slow' : reason === EXPIRED ? 'expired' : 'unknown';
}
