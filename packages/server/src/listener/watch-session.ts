// One viewer's connection: Watch first, then receipts, pings and token renewals. It joins the
// fan-out of the live epoch, which sends it the stream's frames.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { NumberRange } from '@hayate/protocol';
import {
  type ClientMessage,
  ClientMessageSchema,
  GapReason,
  isStreamName,
  readStrictly,
  ServerMessageSchema,
  type Watch,
  WireError,
} from '@hayate/protocol';
import type { VerifyToken } from '../auth/verify-token.ts';
import { Admission, admit } from '../gateway/admission.ts';
import type { Connection } from '../gateway/connection.ts';
import type { Context } from '../kernel/context.ts';
import { encodeGaps, type FanOut } from './fan-out.ts';
import type { Viewer, ViewerSocket } from './fan-out-viewer.ts';
import { peekReceipt } from './receipt.ts';
import type { QueuedFrame } from './viewer-queue.ts';
import type { WatchedStream, WatchedStreamSubscriber } from './watched-stream.ts';

export interface WatchSessionOptions {
  context: Pick<Context, 'clock' | 'random'>;
  verifyToken: VerifyToken;
  /** How often the viewer is asked to report. */
  receiptIntervalMs: number;
  /**
   * Subscribes to a stream until `leave`. For a `returning` viewer it waits until the stream is
   * known to be live, or seems not to be.
   */
  join: (stream: string, returning: boolean) => Promise<WatchedStream>;
  leave: (stream: WatchedStream) => void;
}

/** A session; `take` is the TakeMessage of its connection. */
export class WatchSession implements WatchedStreamSubscriber {
  readonly #connection: Connection;
  readonly #socket: ViewerSocket;
  readonly #options: WatchSessionOptions;
  #stream: WatchedStream | undefined;
  #admission: Admission | undefined;
  #place: { epoch: bigint; fanOut: FanOut; viewer: Viewer } | undefined;
  /** The position from which a returning viewer continues. */
  #from = { epoch: 0n, nextSequence: 0n };

  /** `socket` is the network socket that carries the connection. */
  constructor(connection: Connection, socket: ViewerSocket, options: WatchSessionOptions) {
    this.#connection = connection;
    this.#socket = socket;
    this.#options = options;
    connection.onClose(() => this.#leave());
  }

  /**
   * Takes one message. A client need not wait for the answer to Watch: later messages are taken
   * after it.
   */
  take(bytes: Uint8Array): void | Promise<void> {
    const receipt = peekReceipt(bytes);
    if (receipt !== undefined && this.#admission !== undefined) {
      this.#report(receipt.epoch, receipt.sequence);
      return;
    }
    const message = readStrictly(ClientMessageSchema, bytes);
    if (this.#admission === undefined) return this.#begin(message.watch).then(() => this.#takeContent(message));
    if (message.watch !== undefined) throw new WireError('Watch may only be the first message');
    this.#takeContent(message);
  }

  /** Takes all content of a message except Watch. */
  #takeContent({ publish, frames, dropped, end, ping, receipt, token }: ClientMessage): void {
    if (publish !== undefined || frames.length > 0 || dropped.length > 0 || end !== undefined)
      throw new WireError('a watching connection may not send this message');
    if (ping !== undefined) this.#send({ pong: { id: ping.id, serverUnixUs: this.#unixUs() } });
    if (receipt !== undefined) this.#report(receipt.epoch, Number(receipt.sequence));
    if (token !== '') this.#admission?.renew(token);
  }

  began(): void {
    const stream = this.#stream;
    const live = stream?.live;
    if (stream === undefined || live === undefined) return;
    // A broadcaster who had been given up has returned. The viewer missed nothing.
    if (this.#place?.epoch === live.epoch) this.#sendWatching(live.epoch, live.nextSequence);
    else this.#greet(stream, live, stream.replayFresh(live.epoch));
  }

  say(message: Uint8Array): void {
    this.#connection.send(message);
  }

  #report(epoch: bigint, sequence: number): void {
    if (this.#place?.epoch === epoch) this.#place.fanOut.receipt(this.#place.viewer, sequence);
  }

  async #begin(watch: Watch | undefined): Promise<void> {
    if (watch === undefined) throw new WireError('the first message must be Watch');
    if (!isStreamName(watch.stream)) throw new WireError('the stream name does not match [A-Za-z0-9_-]{1,64}');
    const { context, verifyToken: verify } = this.#options;
    const { clock, random } = context;
    const request = { clock, random, verify, right: 'watch', stream: watch.stream } as const;
    const identity = await admit(request, watch.token);
    const stream = await this.#options.join(watch.stream, watch.epoch !== 0n);
    if (this.#connection.closing) {
      this.#options.leave(stream);
      return;
    }
    this.#stream = stream;
    this.#admission = new Admission(this.#connection, request, identity);
    stream.add(this);
    this.#from = { epoch: watch.epoch, nextSequence: watch.nextSequence };
    if (stream.live === undefined) this.#sendWatching(0n, 0);
    else this.#greet(stream, stream.live, undefined);
  }

  /**
   * Greets a viewer who joins or returns: first the frames it lacks, then the live ones. `fresh`:
   * all frames of an epoch that has just begun.
   */
  #greet(stream: WatchedStream, live: { epoch: bigint; nextSequence: number }, fresh: readonly QueuedFrame[] | undefined): void {
    const returning = this.#from.epoch === live.epoch && this.#from.nextSequence <= BigInt(live.nextSequence);
    const from = returning ? Number(this.#from.nextSequence) : 0;
    const replay = returning ? stream.replay(live.epoch, from) : fresh;
    this.#sendWatching(live.epoch, replay === undefined ? live.nextSequence : from);
    if (replay !== undefined) this.#sendGaps(holesBetween(from, replay, live.nextSequence), GapReason.LOST);
    else if (returning) this.#sendGaps([{ first: from, last: live.nextSequence - 1 }], GapReason.EXPIRED);
    // A returning viewer may have lost the key that the replayed deltas need.
    const first = replay?.[0]?.header.sequence ?? live.nextSequence;
    const greeting = [...stream.currentGroup().filter(({ header }) => header.sequence < first), ...(replay ?? [])];
    this.#leavePlace();
    const { fanOut } = stream;
    this.#place = { epoch: live.epoch, fanOut, viewer: fanOut.join(this.#connection, this.#socket, greeting) };
    this.#send({ audience: { viewers: stream.viewers } });
  }

  #leavePlace(): void {
    this.#place?.fanOut.leave(this.#place.viewer);
    this.#place = undefined;
  }

  #leave(): void {
    this.#leavePlace();
    if (this.#stream === undefined) return;
    this.#stream.remove(this);
    this.#options.leave(this.#stream);
  }

  #sendWatching(epoch: bigint, nextSequence: number): void {
    this.#send({
      watching: {
        epoch,
        nextSequence: BigInt(nextSequence),
        serverUnixUs: this.#unixUs(),
        receiptIntervalMs: this.#options.receiptIntervalMs,
      },
    });
  }

  #sendGaps(ranges: readonly Readonly<NumberRange>[], reason: GapReason): void {
    if (ranges.length > 0) this.#connection.send(encodeGaps(ranges, reason));
  }

  #unixUs(): bigint {
    return BigInt(this.#options.context.clock.nowUnixUs());
  }

  #send(content: MessageInitShape<typeof ServerMessageSchema>): void {
    this.#connection.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, content)));
  }
}

/** The sequences from `from` up to `nextSequence` that are missing in `frames`. */
function holesBetween(from: number, frames: readonly QueuedFrame[], nextSequence: number): NumberRange[] {
  const holes: NumberRange[] = [];
  let next = from;
  for (const sequence of [...frames.map(({ header }) => header.sequence), nextSequence]) {
    if (sequence > next) holes.push({ first: next, last: sequence - 1 });
    next = sequence + 1;
  }
  return holes;
}
