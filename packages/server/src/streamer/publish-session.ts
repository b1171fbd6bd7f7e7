// One broadcaster's connection: Publish first, then frames, pings, dropped ranges, token renewals
// and END. This file handles the messages; broadcast/publication.ts holds their effect on the
// broadcast.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type ClientMessage,
  ClientMessageSchema,
  isStreamName,
  type Publish,
  type Range,
  readStrictly,
  ServerMessageSchema,
  Timing,
  WireError,
} from '@hayate/protocol';
import type { VerifyToken } from '../auth/verify-token.ts';
import type { Publication } from '../broadcast/publication.ts';
import { Admission, admit } from '../gateway/admission.ts';
import type { Connection } from '../gateway/connection.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { TokenBucket } from '../kernel/token-bucket.ts';
import type { ConnectedPublisher } from './connected-publisher.ts';

/**
 * Limits on one broadcaster. Its connection counts the bits, and the messages:
 * `messagesPerSecondMax` in addition to those that carry frames.
 */
export interface PublishLimits {
  frameBytesMax: number;
  framesPerSecondMax: number;
  bitsPerSecondMax: number;
}

/** This many dropped ranges count as one frame. Each is small, but a message may hold thousands. */
const RANGES_PER_FRAME = 4;

export interface PublishSessionOptions {
  context: Pick<Context, 'clock' | 'random'>;
  verifyToken: VerifyToken;
  limits: PublishLimits;
  /**
   * Finds or begins the broadcast that this connection asks for, and attaches the connection to it.
   */
  begin: (connection: Connection, publish: Publish, labels: Readonly<Record<string, string>>) => ConnectedPublisher;
}

/** A connection whose Publish has been answered. */
interface Open {
  readonly connection: Connection;
  readonly publication: Publication;
  readonly admission: Admission;
}

/** A session; `take` is the TakeMessage of its connection. */
export class PublishSession {
  readonly #options: PublishSessionOptions;
  readonly #frames: TokenBucket;
  #open: Open | undefined;

  constructor(options: PublishSessionOptions) {
    this.#options = options;
    const { framesPerSecondMax: rate } = options.limits;
    // A returning client sends the frames that it held back while its network was poor.
    this.#frames = new TokenBucket({ rate, burst: (rate * Timing.rateBurstMs) / 1_000, nowMs: options.context.clock.nowMs() });
  }

  /**
   * Takes one message of `connection`. A client need not wait for the answer to Publish: later
   * messages are taken after it.
   */
  take(connection: Connection, bytes: Uint8Array): void | Promise<void> {
    const message = readStrictly(ClientMessageSchema, bytes);
    if (this.#open === undefined) return this.#begin(connection, message.publish).then((open) => open && this.#takeContent(open, message));
    if (message.publish !== undefined) throw new WireError('Publish may only be the first message');
    this.#takeContent(this.#open, message);
  }

  /** Takes all content of `message` except Publish. */
  #takeContent({ connection, publication, admission }: Open, message: ClientMessage): void {
    if (message.watch !== undefined || message.receipt !== undefined)
      throw new WireError('a publishing connection may not send this message');
    if (message.ping !== undefined) this.#pong(connection, message.ping.id);
    const { frames, dropped } = message;
    if (frames.length + dropped.length > 0) this.#meter(frames.length + Math.ceil(dropped.length / RANGES_PER_FRAME));
    if (dropped.length > 0) publication.takeDropped(checkRanges(dropped, publication.sequenceEnd));
    if (frames.length > 0) publication.take(frames);
    if (message.end !== undefined) publication.finish(checkEnd(message.end.nextSequence, publication.sequenceEnd));
    if (message.token !== '') admission.renew(message.token);
  }

  /** Answers Publish; undefined if the connection has closed meanwhile. */
  async #begin(connection: Connection, publish: Publish | undefined): Promise<Open | undefined> {
    if (publish === undefined) throw new WireError('the first message must be Publish');
    if (!isStreamName(publish.stream)) throw new WireError('the stream name does not match [A-Za-z0-9_-]{1,64}');
    const { context, verifyToken: verify } = this.#options;
    const { clock, random } = context;
    const request = { clock, random, verify, right: 'publish', stream: publish.stream } as const;
    const identity = await admit(request, publish.token);
    if (connection.closing) return undefined;
    const publisher = this.#options.begin(connection, publish, { sub: identity.subject, ...identity.labels });
    const { publication } = publisher;
    this.#open = { connection, publication, admission: new Admission(connection, request, identity) };
    const published = {
      epoch: publication.epoch,
      generation: publication.generation,
      ticket: publisher.ticket(),
      nextSequence: BigInt(publication.nextSequence),
      serverUnixUs: BigInt(clock.nowUnixUs()),
      limits: this.#options.limits,
    };
    connection.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, { published })));
    return this.#open;
  }

  #pong(connection: Connection, id: number): void {
    const serverUnixUs = BigInt(this.#options.context.clock.nowUnixUs());
    connection.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, { pong: { id, serverUnixUs } })));
  }

  #meter(frames: number): void {
    if (!this.#frames.take(frames, this.#options.context.clock.nowMs()))
      throw new HayateError('BAD_REQUEST', 'too many frames a second', { closeCode: 'RATE_EXCEEDED', temporary: true });
  }
}

function checkRanges(ranges: readonly Range[], sequenceEnd: number): readonly Range[] {
  for (const { first, last } of ranges)
    if (first > last || last >= BigInt(sequenceEnd)) throw new WireError('a dropped range is not a valid range of this epoch');
  return ranges;
}

function checkEnd(nextSequence: bigint, sequenceEnd: number): number {
  if (nextSequence > BigInt(sequenceEnd)) throw new WireError('END names a sequence too far ahead');
  return Number(nextSequence);
}
