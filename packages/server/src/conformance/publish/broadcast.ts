// One client's broadcast over all its connections, as the kit's server keeps it. In: the server's
// next step, from a scenario. Out: one session per connection, and the verdict on how the client
// began and resumed (B3, B4, B10).
import { randomInt } from 'node:crypto';
import { epochText, mintEpoch } from '@hayate/protocol';
import type { Connection } from '../connection.ts';
import { RETURN_MS, STEP_MS, type Stage } from '../stage.ts';
import { FrameLedger } from './frame-ledger.ts';
import { type Answer, PublishSession } from './publish-session.ts';
import { TicketDrawer } from './ticket-drawer.ts';

/** The answer to Publish, without the fields that the broadcast fills in. */
type AnswerOptions = Partial<Pick<Answer, 'next' | 'limits' | 'ack'>> & {
  /** Every message of this connection carries unknown fields. */
  readonly odd?: boolean;
};

/** A client's broadcast. */
export class Broadcast {
  readonly #stage: Stage;
  readonly tickets = new TicketDrawer();
  #ledger: FrameLedger | undefined;
  #generation = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The epoch's frames. Exists from the first answer on. */
  get ledger(): FrameLedger {
    this.#ledger ??= this.#newLedger();
    return this.#ledger;
  }

  /** Waits for the first connection and answers it with a new epoch. */
  async begin(options: AnswerOptions = {}): Promise<PublishSession> {
    const connection = await this.#stage.accept('C2', 'a connection to /publish');
    return this.answerNew(connection, options);
  }

  /** Answers a Publish without a ticket, with a new epoch. */
  answerNew(connection: Connection, options: AnswerOptions = {}): PublishSession {
    const { verdict, stream } = this.#stage;
    const publish = connection.hello?.publish;
    verdict.check('B1', publish?.stream === stream, `Publish names another stream than ${stream}`);
    const rule = this.#ledger === undefined ? 'B3' : 'B10';
    verdict.check(rule, publish?.ticket.length === 0, 'Publish has a ticket although a new epoch must begin');
    this.#ledger?.conclude();
    this.#ledger = this.#newLedger();
    this.#generation = 0;
    return this.#answer(connection, { next: 0, ...options });
  }

  /** Answers any Publish, with a new epoch or the same one. */
  answer(connection: Connection): PublishSession {
    return this.#ledger === undefined ? this.answerNew(connection) : this.answerResume(connection);
  }

  /**
   * Waits for the connection with which the client returns after it lost another, and answers it.
   */
  async resume(lost: PublishSession, options: AnswerOptions = {}): Promise<PublishSession> {
    return this.answerResume(await this.#stage.acceptReturn(lost.connection), options);
  }

  /** Answers a Publish with a ticket. Without `next`, the server has everything that arrived. */
  answerResume(connection: Connection, options: AnswerOptions = {}): PublishSession {
    this.judgeTicket(connection);
    const next = options.next ?? this.ledger.durable;
    // With this answer the server claims to have everything before `next`.
    this.ledger.known.add(0, next - 1);
    return this.#answer(connection, { ...options, next });
  }

  /** Judges the ticket of a Publish, which must be the newest that the client can have. */
  judgeTicket(connection: Connection): void {
    const { verdict } = this.#stage;
    const publish = connection.hello?.publish;
    if (publish === undefined) return;
    verdict.check('B1', publish.stream === this.#stage.stream, 'Publish names another stream after a return');
    const ticket = this.tickets.read(publish.ticket);
    if (ticket === undefined) {
      const what = publish.ticket.length === 0 ? 'no ticket' : 'a ticket that the server did not issue';
      verdict.fail('B3', `the client returned with ${what}`);
      return;
    }
    const finding = `the client resumed with ticket ${ticket.number}, although it had ticket ${this.tickets.settled}`;
    verdict.check('B3', ticket.number >= this.tickets.settled, finding);
  }

  /**
   * Waits until the client has certainly read everything sent to it: its pong has come, then some
   * more messages, and the program has reported the acknowledgement.
   */
  async settle(session: PublishSession): Promise<void> {
    const { count } = this.tickets;
    const { acked } = session;
    const answered = session.connection.probe();
    await this.#stage.until('I1', 'the pong for a WebSocket ping', answered);
    const { messages } = session.connection;
    await this.#stage.until('C3', 'messages of the client', () => session.connection.messages >= messages + 5);
    if (acked > 0)
      await this.#stage.line(
        `acknowledged up to ${acked}`,
        ({ event, nextSequence }) => event === 'acknowledged' && Number(nextSequence) >= acked,
      );
    this.tickets.settled = Math.max(this.tickets.settled, count);
  }

  /** Waits until `count` frames have arrived on a session. */
  async frames(session: PublishSession, count: number): Promise<void> {
    const over = () => session.connection.closed !== undefined;
    await this.#stage.until('B5', `${count} frames on a connection`, () => session.count >= count || over());
    if (session.count < count) await this.#stage.until('B5', `${count} frames on a connection, which the client closed`, () => false, 0);
  }

  /**
   * Waits until the client has accounted for all sequences that it had used when it was answered
   * (B4).
   */
  async accounts(session: PublishSession, rule: 'B4' | 'B7' = 'B4', last = session.nextBefore - 1): Promise<void> {
    await this.#stage.until(rule, `every sequence up to ${last} on this connection`, () => session.accountsUpTo(last));
  }

  /** Waits until the client has ended its broadcast, and judges the end (B9, I2). */
  async ends(session: PublishSession, timeoutMs = RETURN_MS + STEP_MS): Promise<void> {
    session.mayEnd = true;
    await this.#stage.until('B9', 'End', () => session.end, timeoutMs);
    await this.#stage.until('B9', 'the end of the connection after Ended', () => session.connection.closed, STEP_MS);
    await this.#stage.line('ended FINISHED', ({ event, reason }) => event === 'ended' && reason === 'FINISHED');
    await this.#stage.expectAbsence(['B11'], 'Ended FINISHED');
    await this.#stage.expectExit(0, 'Ended FINISHED');
  }

  /** Judges the rules about the whole broadcast. */
  conclude(): void {
    this.#ledger?.conclude();
  }

  /** The program must print a line about the answer. */
  async published(session: PublishSession, next: number): Promise<void> {
    const epoch = epochText(session.ledger.epoch);
    await this.#stage.line(
      'published, with the epoch and next sequence of the answer',
      (line) => line.event === 'published' && line.epoch === epoch && line.nextSequence === next,
    );
  }

  #answer(connection: Connection, { next, limits, ack = 'tickets', odd = false }: AnswerOptions & { next: number }): PublishSession {
    this.#generation++;
    connection.odd = odd;
    const answer: Answer = { generation: this.#generation, next, ack, ...(limits === undefined ? {} : { limits }) };
    return new PublishSession({ stage: this.#stage, connection, ledger: this.ledger, tickets: this.tickets }, answer);
  }

  #newLedger(): FrameLedger {
    const { stream, verdict } = this.#stage;
    return new FrameLedger({ stream, epoch: mintEpoch(Date.now(), randomInt(2 ** 20)), verdict });
  }
}
