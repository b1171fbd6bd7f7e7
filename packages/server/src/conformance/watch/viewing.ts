// One client's visit over all its connections, as the kit's server keeps it. In: the frames and
// answers of a scenario. Out: judgements on the client's lines and receipts (V3, V7, V9). A marker
// is an EVENT: once the client has taken it, it has taken everything before it.
import { randomInt } from 'node:crypto';
import { epochFromText, epochText, mintEpoch } from '@hayate/protocol';
import { type Connection, type ServerMessageInput, serverUnixUs } from '../connection.ts';
import type { RuleId } from '../rule.ts';
import type { Stage } from '../stage.ts';
import { FrameSource, type MadeFrame } from './frame-source.ts';

/** Fields of Watching. */
interface WatchingOptions {
  /** The next sequence of the source if absent. */
  readonly next?: number;
  readonly receiptIntervalMs?: number;
}

/** A Receipt that arrived. */
export interface TakenReceipt {
  readonly epoch: bigint;
  readonly sequence: number;
  readonly atMs: number;
}

/** A line about a frame. */
interface FrameLine {
  readonly epoch: string;
  readonly sequence: number;
  readonly kind: number;
  readonly participant: number;
}

const RECEIPT_INTERVAL_MS = 500;

/** A client's visit. */
export class Viewing {
  readonly #stage: Stage;
  /** The frames of the live epoch. */
  source: FrameSource;
  readonly receipts: TakenReceipt[] = [];
  /** The largest sequence that was sent, for each epoch. */
  readonly #sent = new Map<bigint, number>();

  constructor(stage: Stage) {
    this.#stage = stage;
    this.source = this.newEpoch();
  }

  /** Waits for the first connection, and answers that the stream is live. */
  async begin(options: WatchingOptions = {}): Promise<Connection> {
    const connection = await this.accept();
    this.watching(connection, options);
    return connection;
  }

  /** Waits for the first connection, without answering it. */
  async accept(): Promise<Connection> {
    const connection = await this.#stage.accept('C2', 'a connection to /watch');
    this.take(connection);
    return connection;
  }

  /** Reads the messages of a connection. */
  take(connection: Connection): void {
    const watch = connection.hello?.watch;
    this.#stage.verdict.check('C2', watch?.stream === this.#stage.stream, `Watch names another stream than ${this.#stage.stream}`);
    connection.handle(({ receipt }) => {
      if (receipt === undefined) return;
      const { epoch, sequence } = receipt;
      const largest = this.#sent.get(epoch) ?? -1;
      const isKnown = this.#stage.verdict.check('V7', largest >= 0, `a Receipt names epoch ${epochText(epoch)}, of which nothing was sent`);
      if (isKnown)
        this.#stage.verdict.check(
          'V7',
          Number(sequence) <= largest,
          `a Receipt names ${sequence}, and the largest that was sent is ${largest}`,
        );
      this.receipts.push({ epoch, sequence: Number(sequence), atMs: performance.now() });
    });
  }

  /**
   * Waits for the connection with which the client returns after it lost another. Judges its Watch
   * (V9), without answering it.
   */
  async return(lost: Connection): Promise<Connection> {
    const connection = await this.#stage.acceptReturn(lost);
    this.take(connection);
    this.judgeReturn(connection);
    return connection;
  }

  /** Judges the position that a returning client names (V9). */
  judgeReturn(connection: Connection): void {
    const watch = connection.hello?.watch;
    const { epoch } = this.source;
    const next = (this.#sent.get(epoch) ?? -1) + 1;
    const said = `${epochText(watch?.epoch ?? 0n)} and ${watch?.nextSequence}`;
    const isRight = watch?.epoch === epoch && Number(watch.nextSequence) === next;
    this.#stage.verdict.check(
      'V9',
      isRight,
      `the client returned with epoch and next sequence ${said} instead of ${epochText(epoch)} and ${next}`,
    );
  }

  /** Says that the source's epoch is live. */
  watching(connection: Connection, { next = this.source.next, receiptIntervalMs = RECEIPT_INTERVAL_MS }: WatchingOptions = {}): void {
    const { epoch } = this.source;
    connection.send({ watching: { epoch, nextSequence: BigInt(next), receiptIntervalMs, serverUnixUs: serverUnixUs() } });
  }

  /** Says that the stream is not live. */
  notLive(connection: Connection): void {
    connection.send({ watching: { epoch: 0n, receiptIntervalMs: RECEIPT_INTERVAL_MS, serverUnixUs: serverUnixUs() } });
  }

  /** Sends frames in one message. `more`: other content of the message. */
  send(connection: Connection, frames: readonly MadeFrame[], more: ServerMessageInput = {}): void {
    for (const { epoch, sequence } of frames) this.#sent.set(epoch, Math.max(sequence, this.#sent.get(epoch) ?? -1));
    connection.send({ ...more, frames: frames.map(({ bytes }) => bytes) });
  }

  /** Sends an EVENT and waits until the client has taken it. Fails `rule` if it does not. */
  async marker(connection: Connection, rule: RuleId): Promise<MadeFrame> {
    const event = this.source.event();
    this.send(connection, [event]);
    await this.given(rule, event);
    return event;
  }

  /**
   * Waits until the client has passed `frame` to its application or, without a program, until a
   * Receipt says that it arrived.
   */
  async given(rule: RuleId, frame: MadeFrame): Promise<void> {
    const { epoch, sequence } = frame;
    if (this.#stage.program !== undefined) {
      await this.#stage.until(rule, `a line about frame ${sequence}`, () => this.countOf(frame) > 0);
      return;
    }
    this.#stage.verdict.skip(rule);
    const isReceived = () => this.receipts.some((receipt) => receipt.epoch === epoch && receipt.sequence >= sequence);
    await this.#stage.until('V7', `a Receipt for frame ${sequence}`, isReceived);
  }

  /** The lines about frames, in order. */
  get frameLines(): FrameLine[] {
    return this.#stage.lines.flatMap(({ event, epoch, sequence, kind, participant }) =>
      event === 'frame' ? [{ epoch: String(epoch), sequence: Number(sequence), kind: Number(kind), participant: Number(participant) }] : [],
    );
  }

  /** Number of lines about `frame`. */
  countOf({ epoch, sequence }: MadeFrame): number {
    const text = epochText(epoch);
    return this.frameLines.filter((line) => line.epoch === text && line.sequence === sequence).length;
  }

  /**
   * Each of `frames` must have been passed to the application once, with the right content. Call it
   * after a marker.
   */
  expectOnce(rule: RuleId, frames: readonly MadeFrame[]): void {
    for (const frame of frames) {
      const count = this.countOf(frame);
      this.#stage.judgeLines(rule, () => count === 1, `frame ${frame.sequence} (kind ${frame.kind}) was reported ${count} times`);
      const line = this.frameLines.find(({ epoch, sequence }) => epochFromText(epoch) === frame.epoch && sequence === frame.sequence);
      const isTrue = line === undefined || (line.kind === frame.kind && line.participant === frame.participant);
      this.#stage.judgeLines('I1', () => isTrue, `the line about frame ${frame.sequence} names another kind or participant`);
    }
  }

  /** None of `frames` may have been passed to the application. Call it after a marker. */
  expectNever(rule: RuleId, frames: readonly MadeFrame[], why: string): void {
    for (const frame of frames)
      this.#stage.judgeLines(rule, () => this.countOf(frame) === 0, `frame ${frame.sequence} (kind ${frame.kind}) was reported, ${why}`);
  }

  /** A source of frames of a later epoch, which is live from now on. */
  newEpoch(): FrameSource {
    this.source = new FrameSource(this.#stage.stream, mintEpoch(Date.now() + this.#sent.size * 1_000, randomInt(2 ** 20)));
    this.#sent.set(this.source.epoch, -1);
    return this.source;
  }
}
