// One viewer's connection: Watch first, then receipts, pings and token renewals. Gives it the stream's frames through its
// own bounded queue, so that a slow viewer delays nobody and is itself never far behind.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type ClientMessage,
  ClientMessageSchema,
  type Ended,
  GapReason,
  isStreamName,
  Limits,
  type Range,
  ServerMessageSchema,
  type Watch,
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
  #stream: WatchedStream | undefined;
  #admission: Admission | undefined;
  #queue: { epoch: bigint; frames: ViewerQueue } | undefined;

  constructor(connection: Connection, options: WatchSessionOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.onClose(() => this.#leave());
  }

  /** Takes one message. */
  take(bytes: Uint8Array): void | Promise<void> {
    const message = parse(bytes);
    if (this.#stream === undefined || this.#admission === undefined) return this.#begin(message);
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

  began(epoch: bigint, nextSequence: number): void {
    this.#queue?.frames.close();
    const queue = new ViewerQueue(
      {
        limits: this.#options.limits,
        send: (frames, dropped) => this.#sendFrames(frames, dropped),
        onDrop: (reason: DropReason, frames: number) => this.#options.metrics.dropped.inc({ reason }, frames),
      },
      nowMonotonicMs(),
    );
    this.#queue = { epoch, frames: queue };
    this.#sendWatching(epoch, nextSequence);
  }

  frames(frames: readonly QueuedFrame[]): void {
    if (this.#queue === undefined || this.#connection.closing) return;
    this.#options.metrics.offered.inc(frames.length);
    if (this.#queue.frames.push(frames, nowMonotonicMs()) === 'too_slow') this.#connection.close('TOO_SLOW');
  }

  lost(ranges: readonly Range[]): void {
    this.#send({ gaps: ranges.map(({ first, last }) => ({ first, last, reason: GapReason.LOST })) });
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
    this.#greet(stream, watch);
  }

  /** Late join, or return: see design "Joining late". */
  #greet(stream: WatchedStream, watch: Watch): void {
    const live = stream.live;
    if (live === undefined) {
      this.#sendWatching(0n, 0);
      return;
    }
    const returning = watch.epoch === live.epoch && watch.nextSequence <= BigInt(live.nextSequence);
    const replay = returning ? stream.replay(live.epoch, Number(watch.nextSequence)) : undefined;
    this.began(live.epoch, replay === undefined ? live.nextSequence : Number(watch.nextSequence));
    if (returning && replay === undefined && watch.nextSequence < BigInt(live.nextSequence)) {
      this.#send({ gaps: [{ first: watch.nextSequence, last: BigInt(live.nextSequence - 1), reason: GapReason.EXPIRED }] });
    }
    // A viewer who returns may have lost the key that the replayed deltas stand on.
    const group = stream.currentGroup();
    const first = replay?.[0]?.header.sequence;
    const frames =
      replay === undefined ? group : [...group.filter(({ header }) => first === undefined || header.sequence < first), ...replay];
    this.frames(frames);
    this.audience(stream.viewers);
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

  #sendFrames(frames: readonly QueuedFrame[], dropped: readonly { first: number; last: number }[]): void {
    const { metrics } = this.#options;
    if (dropped.length > 0)
      this.#send({ gaps: dropped.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last), reason: GapReason.SLOW })) });
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
