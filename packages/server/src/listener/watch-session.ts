// One viewer's connection: Watch first, then receipts, pings and token renewals. Gives it the stream's frames through its
// own bounded queue, so that a slow viewer delays nobody and is itself never far behind.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { NumberRange } from '@hayate/protocol';
import {
  type ClientMessage,
  ClientMessageSchema,
  type Ended,
  GapReason,
  isStreamName,
  Limits,
  ServerMessageSchema,
  WireError,
} from '@hayate/protocol';
import type { VerifyToken } from '../auth/verify-token.ts';
import { Admission, admit } from '../gateway/admission.ts';
import type { Connection } from '../gateway/connection.ts';
import { nowMonotonicMs, nowUnixUs } from '../kernel/clock.ts';
import type { ListenerMetrics } from './listener-metrics.ts';
import { type DropReason, type QueuedFrame, ViewerQueue, type ViewerQueueLimits } from './viewer-queue.ts';
import type { WatchedStream, WatchedStreamSubscriber } from './watched-stream.ts';

export interface WatchSessionOptions {
  verifyToken: VerifyToken;
  limits: ViewerQueueLimits;
  metrics: ListenerMetrics;
  /** The stream, subscribed to, until `leave`. */
  join: (stream: string) => Promise<WatchedStream>;
  leave: (stream: WatchedStream) => void;
}

/** A session; `take` is its connection's TakeMessage. */
export class WatchSession implements WatchedStreamSubscriber {
  readonly #connection: Connection;
  readonly #options: WatchSessionOptions;
  #beginning = false;
  #stream: WatchedStream | undefined;
  #admission: Admission | undefined;
  #queue: { epoch: bigint; frames: ViewerQueue } | undefined;
  /** Where a returning viewer goes on. */
  #from = { epoch: 0n, nextSequence: 0n };

  constructor(connection: Connection, options: WatchSessionOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.onClose(() => this.#leave());
  }

  /** Takes one message. */
  take(bytes: Uint8Array): void | Promise<void> {
    const message = parse(bytes);
    if (this.#stream === undefined || this.#admission === undefined) {
      if (this.#beginning) throw new WireError('nothing may be sent between Watch and its answer');
      this.#beginning = true;
      return this.#begin(message);
    }
    if (
      message.publish !== undefined ||
      message.watch !== undefined ||
      message.frames.length > 0 ||
      message.dropped.length > 0 ||
      message.end !== undefined
    )
      throw new WireError('this message is not for a watching connection');
    if (message.ping !== undefined) this.#send({ pong: { id: message.ping.id, serverUnixUs: BigInt(nowUnixUs()) } });
    if (message.receipt !== undefined && message.receipt.epoch === this.#queue?.epoch)
      this.#queue.frames.receipt(Number(message.receipt.sequence), nowMonotonicMs());
    const { token } = message;
    const admission = this.#admission;
    if (token !== '')
      return admit(this.#options.verifyToken, token, 'watch', this.#stream.name).then((identity) => admission.renew(identity));
  }

  /** Looks at what time alone changes: deadlines of what waits, and a viewer that reports nothing. */
  tick(nowMs: number): void {
    const queue = this.#queue?.frames;
    if (queue === undefined) return;
    queue.drain(nowMs);
    if (queue.receiptOverdue(nowMs)) this.#connection.close('RECEIPT_TIMEOUT');
  }

  began(): void {
    const stream = this.#stream;
    const live = stream?.live;
    if (stream === undefined || live === undefined) return;
    // A broadcaster who had been given up has returned; nothing was missed.
    if (this.#queue?.epoch === live.epoch) this.#sendWatching(live.epoch, live.nextSequence);
    else this.#greet(stream, live, stream.replayFresh(live.epoch));
  }

  frames(frames: readonly QueuedFrame[]): void {
    if (this.#queue === undefined || this.#connection.closing) return;
    this.#options.metrics.offered.inc(frames.length);
    if (this.#queue.frames.push(frames, nowMonotonicMs()) === 'too_slow') this.#connection.close('TOO_SLOW');
  }

  lost(ranges: readonly Readonly<NumberRange>[]): void {
    this.#sendGaps(ranges, GapReason.LOST);
  }

  ended(ended: Ended): void {
    this.#send({ ended });
  }

  audience(viewers: number): void {
    this.#send({ audience: { viewers } });
  }

  async #begin({ watch }: ClientMessage): Promise<void> {
    if (watch === undefined) throw new WireError('the first message is Watch');
    if (!isStreamName(watch.stream)) throw new WireError('the stream name is not of [A-Za-z0-9_-]{1,64}');
    const identity = await admit(this.#options.verifyToken, watch.token, 'watch', watch.stream);
    const stream = await this.#options.join(watch.stream);
    if (this.#connection.closing) {
      this.#options.leave(stream);
      return;
    }
    this.#stream = stream;
    this.#admission = new Admission(this.#connection, identity);
    stream.add(this);
    stream.reportViewers();
    this.#from = { epoch: watch.epoch, nextSequence: watch.nextSequence };
    if (stream.live === undefined) this.#sendWatching(0n, 0);
    else this.#greet(stream, stream.live, undefined);
  }

  /** Late join, or return: what the viewer lacks, and then what is live. `fresh`: all of an epoch that has just begun. */
  #greet(stream: WatchedStream, live: { epoch: bigint; nextSequence: number }, fresh: readonly QueuedFrame[] | undefined): void {
    const returning = this.#from.epoch === live.epoch && this.#from.nextSequence <= BigInt(live.nextSequence);
    const from = returning ? Number(this.#from.nextSequence) : 0;
    const replay = returning ? stream.replay(live.epoch, from) : fresh;
    this.#openQueue(live.epoch, replay === undefined ? live.nextSequence : from);
    if (replay !== undefined) this.#sendGaps(holesBetween(from, replay, live.nextSequence), GapReason.LOST);
    else if (returning) this.#sendGaps([{ first: from, last: live.nextSequence - 1 }], GapReason.EXPIRED);
    // A viewer who returns may have lost the key that the replayed deltas stand on.
    const first = replay?.[0]?.header.sequence ?? live.nextSequence;
    this.frames([...stream.currentGroup().filter(({ header }) => header.sequence < first), ...(replay ?? [])]);
    this.audience(stream.viewers);
  }

  #openQueue(epoch: bigint, nextSequence: number): void {
    this.#queue?.frames.close();
    const { limits, metrics } = this.#options;
    const queue = {
      limits,
      send: (frames: readonly QueuedFrame[], dropped: readonly Readonly<NumberRange>[]) => this.#sendFrames(frames, dropped),
      onDrop: (reason: DropReason, frames: number) => metrics.dropped.inc({ reason }, frames),
    };
    this.#queue = { epoch, frames: new ViewerQueue(queue, nowMonotonicMs()) };
    this.#sendWatching(epoch, nextSequence);
  }

  #leave(): void {
    this.#queue?.frames.close();
    if (this.#stream === undefined) return;
    this.#stream.remove(this);
    this.#stream.reportViewers();
    this.#options.leave(this.#stream);
  }

  #sendWatching(epoch: bigint, nextSequence: number): void {
    this.#send({
      watching: {
        epoch,
        nextSequence: BigInt(nextSequence),
        serverUnixUs: BigInt(nowUnixUs()),
        receiptIntervalMs: Limits.receiptIntervalMs,
      },
    });
  }

  #sendFrames(frames: readonly QueuedFrame[], dropped: readonly Readonly<NumberRange>[]): void {
    const { metrics } = this.#options;
    this.#sendGaps(dropped, GapReason.SLOW);
    let bytes = 0;
    for (const { message } of frames) bytes += message.length;
    const [only] = frames;
    this.#connection.send(
      frames.length === 1 && only !== undefined
        ? only.message
        : Buffer.concat(
            frames.map(({ message }) => message),
            bytes,
          ),
    );
    metrics.sent.inc(frames.length);
    metrics.sentBytes.inc(bytes);
  }

  #sendGaps(ranges: readonly Readonly<NumberRange>[], reason: GapReason): void {
    if (ranges.length === 0) return;
    this.#send({ gaps: ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last), reason })) });
  }

  #send(content: MessageInitShape<typeof ServerMessageSchema>): void {
    this.#connection.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, content)));
  }
}

function parse(bytes: Uint8Array): ClientMessage {
  try {
    return fromBinary(ClientMessageSchema, bytes);
  } catch (cause) {
    throw new WireError('the message is not a ClientMessage', { cause });
  }
}

/** The sequences from `from` up to `nextSequence` that `frames` do not have. */
function holesBetween(from: number, frames: readonly QueuedFrame[], nextSequence: number): NumberRange[] {
  const holes: NumberRange[] = [];
  let next = from;
  for (const sequence of [...frames.map(({ header }) => header.sequence), nextSequence]) {
    if (sequence > next) holes.push({ first: next, last: sequence - 1 });
    next = sequence + 1;
  }
  return holes;
}
