// One WebSocket connection: it sends the first message as soon as it opens and passes on decoded
// messages. Exactly one `onClose` ends it, unless the owner closed it. It also measures round
// trips, and notices when the server falls silent.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, type ServerMessage, ServerMessageSchema, SUBPROTOCOL, Timing } from '@hayate/protocol';
import type { Clock } from './clock.ts';
import type { RoundTrip } from './clock-estimate.ts';
import { type CloseReason, closeReason } from './close-reason.ts';
import { type CancelTimer, systemTimers, type Timers } from './timers.ts';

/** A ClientMessage as its parts. */
export type ClientMessageInput = MessageInitShape<typeof ClientMessageSchema>;

interface SocketOptions {
  url: string;
  WebSocket: typeof WebSocket;
  clock: Clock;
  /** Default: the system's. */
  timers?: Timers;
  /** The first message. */
  hello: ClientMessageInput;
  onMessage: (message: ServerMessage, bytes: number) => void;
  onRoundTrip: (trip: RoundTrip) => void;
  onClose: (reason: CloseReason) => void;
}

/** A timer that fires later than this was held back. */
const LATE_MS = 1_000;

/** One connection of a Link. */
export class Socket {
  readonly #options: SocketOptions;
  readonly #socket: WebSocket;
  readonly #pings = new Map<number, number>();
  #pingId = 0;
  #receivedMs: number;
  #helloMs: number;
  /** When the next ping is due. */
  #pingDueMs: number;
  /** Set when a late timer found the connection silent; cleared by the next message. */
  #wasSilentWhenLate = false;
  readonly #timers: Timers;
  #cancelTimer: CancelTimer;
  #ended = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#receivedMs = options.clock.nowMs();
    this.#helloMs = this.#receivedMs;
    this.#pingDueMs = this.#receivedMs;
    this.#socket = new options.WebSocket(options.url, SUBPROTOCOL);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => {
      this.#helloMs = options.clock.nowMs();
      this.send(options.hello);
    };
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = (event) => this.#end(closeReason(event.code, event.reason));
    // Browsers report only "error"; the close event that follows carries the code.
    this.#socket.onerror = () => {};
    this.#timers = options.timers ?? systemTimers;
    this.#cancelTimer = this.#timers.after(Timing.answerTimeoutMs, () => this.#abandon('The server did not answer in time.'));
  }

  /** When the first message went out: the start of the first round trip. */
  get helloMs(): number {
    return this.#helloMs;
  }

  /** Bytes passed to the WebSocket that it has not sent. */
  get bufferedAmountBytes(): number {
    return this.#ended ? 0 : this.#socket.bufferedAmount;
  }

  /** How long the oldest ping has waited for its answer at `nowMs`; 0 if none waits. */
  unansweredMs(nowMs: number): number {
    for (const sentMs of this.#pings.values()) return nowMs - sentMs;
    return 0;
  }

  /** The server has answered the first message: pings begin. */
  startPings(): void {
    this.#cancelTimer();
    this.#ping();
  }

  /** Writes a message, unless the connection has ended. Returns its size, bytes. */
  send(message: ClientMessageInput): number {
    if (this.#ended || this.#socket.readyState !== this.#socket.OPEN) return 0;
    const bytes = toBinary(ClientMessageSchema, create(ClientMessageSchema, message));
    this.#socket.send(bytes);
    return bytes.length;
  }

  /** Closes; no callback follows. */
  close(): void {
    if (this.#ended) return;
    this.#finish();
    this.#socket.close(1000);
  }

  #ping(): void {
    const nowMs = this.#options.clock.nowMs();
    // A single late timer (a background page, a machine that slept) proves nothing: answers may
    // wait to be read.
    const isSilent = this.unansweredMs(nowMs) > Timing.silenceMaxMs && nowMs - this.#receivedMs > Timing.silenceMaxMs;
    const isLate = nowMs - this.#pingDueMs > LATE_MS;
    if (isSilent && isLate && !this.#wasSilentWhenLate) this.#wasSilentWhenLate = true;
    else if (isSilent) {
      this.#abandon('The server sent nothing for too long.');
      return;
    }
    this.#pings.set(++this.#pingId, nowMs);
    this.send({ ping: { id: this.#pingId } });
    const intervalMs = this.#pingId < Timing.firstPings ? Timing.firstPingIntervalMs : Timing.pingIntervalMs;
    this.#pingDueMs = nowMs + intervalMs;
    this.#cancelTimer = this.#timers.after(intervalMs, () => this.#ping());
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    this.#receivedMs = this.#options.clock.nowMs();
    this.#wasSilentWhenLate = false;
    if (!(data instanceof ArrayBuffer)) {
      this.#abandon('The server sent a text message; this protocol uses binary messages only.');
      return;
    }
    let message: ServerMessage;
    try {
      message = fromBinary(ServerMessageSchema, new Uint8Array(data));
    } catch {
      this.#abandon('The server sent a message that cannot be read.');
      return;
    }
    if (message.pong !== undefined) this.#pong(message.pong.id, Number(message.pong.serverUnixUs));
    this.#options.onMessage(message, data.byteLength);
  }

  #pong(id: number, serverUnixUs: number): void {
    const sentMs = this.#pings.get(id);
    if (sentMs === undefined) return;
    // Answers come in order, so older pings without an answer will not get one.
    for (const older of this.#pings.keys()) if (older <= id) this.#pings.delete(older);
    this.#options.onRoundTrip({ sentMs, receivedMs: this.#receivedMs, serverUnixUs });
  }

  /**
   * Gives up the connection from this side, without waiting for a close handshake that may never
   * end.
   */
  #abandon(sentence: string): void {
    if (this.#ended) return;
    this.#socket.close();
    this.#end({ code: 1006, name: undefined, sentence, outcome: 'retry' });
  }

  #end(reason: CloseReason): void {
    if (this.#ended) return;
    this.#finish();
    this.#options.onClose(reason);
  }

  #finish(): void {
    this.#ended = true;
    this.#cancelTimer();
    this.#pings.clear();
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }
}
