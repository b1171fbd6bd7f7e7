// One connection of a broadcaster, as a server handles it. In: frames, ranges and End. Out:
// Published, Ack, Resend and Ended. It judges the order of frames (B5), declared ranges (B3, B8)
// and the end of the broadcast (B9).
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type ClientMessage, EndReason, type FrameHeader, Kind, type PublishLimitsSchema, RangeSet } from '@hayate/protocol';
import { type Connection, type ServerMessageInput, serverUnixUs } from '../connection.ts';
import type { Stage } from '../stage.ts';
import type { FrameLedger } from './frame-ledger.ts';
import type { TicketDrawer } from './ticket-drawer.ts';

/** How a session acknowledges frames: each time with a new ticket, without one, or never. */
type AckMode = 'tickets' | 'bare' | 'never';

/** The answer to Publish. */
export interface Answer {
  readonly generation: number;
  readonly next: number;
  readonly limits?: MessageInitShape<typeof PublishLimitsSchema>;
  readonly ack: AckMode;
}

/** A client keeps frames for 30 s. The kit does not know exactly when the client made them. */
const KEPT_MS = 28_000;
/** Interval between acknowledgements. */
const ACK_MS = 100;

export interface PublishSessionOptions {
  readonly stage: Stage;
  readonly connection: Connection;
  readonly ledger: FrameLedger;
  readonly tickets: TicketDrawer;
}

/** A connection whose Publish has been answered. */
export class PublishSession {
  readonly connection: Connection;
  readonly ledger: FrameLedger;
  /** Sequences that arrived or were declared dropped on this connection. */
  readonly accounted = new RangeSet();
  readonly headers: FrameHeader[] = [];
  readonly #stage: Stage;
  readonly #tickets: TicketDrawer;
  readonly #next: number;
  readonly #generation: number;
  /** The next sequence of the epoch when this connection was answered. */
  readonly nextBefore: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #acked: number;
  /** Two ascending series share a connection: new frames and resent frames. */
  #newest = -1;
  #oldest = -1;
  /** How often resent frames may restart at a lower sequence: once for each Resend. */
  #restarts = 0;
  ack: AckMode;
  /** The next sequence that End named, once End has arrived. */
  end: number | undefined;
  /** Bytes of frames that arrived although the kit already had them. */
  resentBytes = 0;
  /** Called with the size of each frame. */
  onFrame: ((bytes: number) => void) | undefined;
  /**
   * Whether End is answered once every frame has arrived. Until then the client waits, and can
   * still resume.
   */
  mayEnd = false;

  /** Answers Publish. `next`: the server has every frame before it. */
  constructor({ stage, connection, ledger, tickets }: PublishSessionOptions, { generation, next, limits, ack }: Answer) {
    this.#stage = stage;
    this.connection = connection;
    this.ledger = ledger;
    this.#tickets = tickets;
    this.#next = next;
    this.#generation = generation;
    this.#acked = next;
    this.nextBefore = ledger.next;
    this.ack = ack;
    const ticket = tickets.issue(ledger.epoch, next);
    connection.send({
      published: {
        epoch: ledger.epoch,
        generation,
        ticket,
        nextSequence: BigInt(next),
        serverUnixUs: serverUnixUs(),
        ...(limits === undefined ? {} : { limits }),
      },
    });
    connection.handle((message) => this.#take(message));
    this.#timer = setInterval(() => this.#tick(), ACK_MS);
  }

  /**
   * Whether, on this connection, the client has accounted for every sequence from the answer's next
   * one to `last`.
   */
  accountsUpTo(last: number): boolean {
    return this.accounted.nextMissing(this.#next) > last;
  }

  /** Everything before this sequence was acknowledged on this connection. */
  get acked(): number {
    return this.#acked;
  }

  /** Number of frames that arrived on this connection. */
  get count(): number {
    return this.headers.length;
  }

  /** Acknowledges everything before `next`. */
  acknowledge(next: number, { ticket }: { ticket: boolean }): void {
    this.#acked = next;
    const { epoch } = this.ledger;
    this.connection.send({ ack: { nextSequence: BigInt(next), ticket: ticket ? this.#tickets.issue(epoch, next) : new Uint8Array() } });
  }

  /** Requests everything from `from` on again. `more`: other content of the message. */
  resend(from: number, more: ServerMessageInput = {}): void {
    this.#restarts++;
    this.accounted.remove(from, this.ledger.next);
    this.ledger.forgetFrom(from);
    this.connection.send({ ...more, resend: { fromSequence: BigInt(from) } });
  }

  /** Sends Ended and closes: the broadcast is over. */
  finish(next: number, reason: EndReason = EndReason.FINISHED): void {
    this.connection.send({ ended: { epoch: this.ledger.epoch, nextSequence: BigInt(next), reason } });
    this.connection.close(1000);
  }

  #take(message: ClientMessage): void {
    for (const { first, last } of message.dropped) this.#declared(Number(first), Number(last));
    for (const bytes of message.frames) this.#frame(bytes);
    if (message.end !== undefined) this.#ended(Number(message.end.nextSequence));
  }

  #frame(bytes: Uint8Array): void {
    const { verdict } = this.#stage;
    const { next, frames } = this.ledger;
    // On a later connection, frames that were sent and lost before may come after newer ones.
    const isFirst = this.#generation === 1 && frames.size === 0;
    const header = this.ledger.take(bytes);
    this.onFrame?.(bytes.length);
    if (header === undefined) return;
    const { sequence } = header;
    if (isFirst) verdict.check('B2', sequence === 0, `the first frame of the epoch has sequence ${sequence}`);
    this.headers.push(header);
    if (sequence < next) this.resentBytes += bytes.length;
    this.accounted.add(sequence);
    if (this.end !== undefined) verdict.check('B9', sequence < this.end, `frame ${sequence} arrived after End with ${this.end}`);
    if (sequence > this.#newest) this.#newest = sequence;
    else if (sequence > this.#oldest) this.#oldest = sequence;
    else if (this.#restarts > 0) {
      this.#restarts--;
      this.#oldest = sequence;
    } else {
      verdict.fail('B5', `frame ${sequence} arrived after ${this.#newest} and ${this.#oldest}: neither new nor resent in order`);
      return;
    }
    verdict.pass('B5');
  }

  #declared(first: number, last: number): void {
    const { verdict } = this.#stage;
    if (!(first <= last && last - first <= 65_536)) {
      verdict.fail('B8', `the range ${first} to ${last} is invalid`);
      return;
    }
    for (let sequence = Math.max(first, this.#tickets.vouched(this.ledger.epoch)); sequence <= last; sequence++) {
      if (this.ledger.declared.has(sequence)) continue;
      const frame = this.ledger.frames.get(sequence);
      if (frame === undefined || performance.now() - frame.atMs > KEPT_MS) continue;
      verdict.fail('B3', `frame ${sequence} was declared dropped, and no ticket vouches for it`);
      if (frame.header.kind === Kind.HEADER) verdict.fail('B8', `HEADER ${sequence} was declared dropped`);
    }
    this.accounted.add(first, last);
    this.ledger.declare(first, last);
  }

  #ended(next: number): void {
    const { verdict } = this.#stage;
    if (this.end !== undefined) {
      verdict.check('B9', next === this.end, `End was sent with ${this.end} and then with ${next}`);
      return;
    }
    this.end = next;
    const used = this.ledger.next;
    verdict.check('B9', next === used, `End says ${next}, and the next sequence is ${used}`);
    const missing = this.accounted.nextMissing(this.#next);
    verdict.check('B9', missing >= next, `End was sent before sequence ${missing} was sent or declared on this connection`);
    verdict.check('B4', missing >= next, `sequence ${missing} was neither sent nor declared on this connection`);
    this.#tick();
  }

  #tick(): void {
    if (!this.connection.isOpen) {
      clearInterval(this.#timer);
      return;
    }
    const { durable } = this.ledger;
    const isEnd = this.end !== undefined && this.mayEnd && durable >= this.end;
    if ((this.ack !== 'never' || isEnd) && durable > this.#acked) this.acknowledge(durable, { ticket: this.ack === 'tickets' });
    if (isEnd && this.end !== undefined) this.finish(this.end);
  }
}
