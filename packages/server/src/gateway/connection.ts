// One WebSocket, as the streamer and the listener see it: whole binary messages in, bytes out, a
// close with a documented code. Input that breaks the protocol closes only this connection, with a
// reason. A silent peer is pinged, and closed if it does not answer. A peer that sends too much, or
// reads too little, is closed as well, and never delays others.
import { type CloseCodeName, CloseCodes, Timing, WireError } from '@hayate/protocol';
import type { WebSocket } from 'ws';
import { afterReading, type CancelTimer, type Clock } from '../kernel/clock.ts';
import { HayateError } from '../kernel/error.ts';
import { ClientRate, type ClientRates } from './client-rate.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';

/** How much one client may send, and leave unread. */
export interface ConnectionLimits extends ClientRates {
  /**
   * Bytes of one message; a larger one: MESSAGE_TOO_BIG. The WebSocket itself enforces the
   * contract's bound for all messages.
   */
  messageBytesMax?: number;
  /**
   * Bytes of answers and other messages, without frames, that may wait until the client reads;
   * more: TOO_SLOW.
   */
  unreadBytesMax: number;
}

export interface ConnectionOptions {
  /** The endpoint's name, for metrics: "publish" or "watch". */
  endpoint: string;
  metrics: ConnectionMetrics;
  clock: Clock;
  limits: ConnectionLimits;
  /** The first message must arrive within this time; otherwise HANDSHAKE_TIMEOUT. */
  handshakeTimeoutMs: number;
  /**
   * The client must send something this often, if only the answer to a ping; otherwise IDLE.
   * Detection may take a quarter longer.
   */
  idleTimeoutMs: number;
}

/**
 * Takes one message. If it returns a promise, the next message comes once that has resolved.
 * Throwing (or rejecting) closes the connection: WireError as PROTOCOL_ERROR, HayateError with its
 * close code.
 */
export type TakeMessage = (message: Uint8Array) => void | Promise<void>;

/** Messages of one connection that are taken before other connections get their turn. */
const TURN_MESSAGES_MAX = 32;

/**
 * The idle timeout has this many parts. After each silent part but the last, the peer is pinged.
 */
const IDLE_PARTS = 4;

/** RFC 6455 section 7.4.1: broken framing. */
const WEBSOCKET_PROTOCOL_ERROR = 1002;

/** The codes with which ws closes for other errors, by the names of the errors. */
const errorCloseCodes: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CloseCodes.MESSAGE_TOO_BIG.code,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_INVALID_UTF8: 1007,
};

/** A live connection. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  /** Of the handshake timeout, then of one part of the idle timeout. */
  #cancelTimer: CancelTimer;
  /** Parts of the idle timeout that have begun since the client last sent something. */
  #silentParts = 0;
  #closeListeners: (() => void)[] = [];
  #closing = false;
  /** Whether a message is still being taken. */
  #taking = false;
  /**
   * Messages that arrived while another was being taken, or after this connection's turn, in order.
   * The socket is paused meanwhile, so they are at most the content of one read from it, 64 KiB,
   * and the rest of the message in which the read ended.
   */
  readonly #waiting: { data: unknown; isBinary: boolean }[] = [];
  readonly #rate: ClientRate;
  /**
   * Messages taken in this turn of the event loop. The count restarts in the turn after it reaches
   * half of the bound, so it may include messages of earlier turns.
   */
  #takenInTurn = 0;
  /** Bytes sent since the socket was last seen empty: an upper bound of the bytes that wait. */
  #unreadBytes = 0;
  /** The code this side closed with, if it closed first. */
  #closedWith: number | undefined;

  constructor(socket: WebSocket, take: TakeMessage, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    options.metrics.opened(options.endpoint);
    this.#cancelTimer = afterReading(options.clock, options.handshakeTimeoutMs, () => this.close('HANDSHAKE_TIMEOUT'));
    this.#rate = new ClientRate(options.limits, options.clock.nowMs());
    let begun = false;
    socket.on('message', (data: Uint8Array, isBinary) => {
      if (!this.#admits(data.length)) return;
      if (!begun) {
        begun = true;
        this.#cancelTimer();
        this.#listenOnePart();
      }
      if (this.#taking || this.#waiting.length > 0 || this.#isTurnOver(take)) this.#waiting.push({ data, isBinary });
      else this.#take(take, data, isBinary);
    });
    // RFC 6455 section 5.5: WebSockets answer pings themselves, even in a page whose timers hardly
    // run.
    socket.on('ping', (data) => {
      if (this.#admits(data.length)) this.#write(data.length, () => socket.pong(data));
    });
    socket.on('pong', (data) => this.#admits(data.length));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // ws has already answered with this code; `close` follows.
      this.#closedWith ??= errorCloseCodes[error.code ?? ''] ?? WEBSOCKET_PROTOCOL_ERROR;
      this.#endSoon();
    });
    socket.on('close', (code) => {
      this.#cancelTimer();
      this.#closing = true;
      options.metrics.closed(options.endpoint, this.#closedWith ?? code);
      for (const listener of this.#closeListeners) listener();
    });
  }

  /** Whether either side has begun to close. Nothing may be sent after that. */
  get closing(): boolean {
    return this.#closing || this.#socket.readyState !== this.#socket.OPEN;
  }

  /** Bytes handed to send that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Sends one binary message. Does nothing after close. */
  send(message: Uint8Array): void {
    this.#write(message.length, () => this.#socket.send(message, { binary: true }));
  }

  /**
   * Closes with a documented code. The peer receives `detail`, which must not hold secrets; the
   * default is the meaning of the code.
   */
  close(name: CloseCodeName, detail?: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#cancelTimer();
    if (name !== 'NORMAL') this.#options.metrics.refused(this.#options.endpoint, name, detail);
    this.#closedWith ??= CloseCodes[name].code;
    this.#socket.close(CloseCodes[name].code, truncate(detail ?? CloseCodes[name].meaning));
    this.#socket.resume();
    this.#endSoon();
  }

  /** Destroys the socket if the peer does not close in time. */
  #endSoon(): void {
    this.#socket.once(
      'close',
      this.#options.clock.after(Timing.closeGraceMs, () => this.#socket.terminate()),
    );
  }

  /**
   * Closes for an error: with the error's own code, or with INTERNAL and a log line if it has none.
   */
  fail(error: unknown): void {
    if (error instanceof WireError) this.close('PROTOCOL_ERROR', error.message);
    else if (error instanceof HayateError) this.close(error.closeCode, error.message);
    else {
      this.#options.metrics.failed(this.#options.endpoint, error);
      this.close('INTERNAL');
    }
  }

  /** Called once, when the connection is gone. */
  onClose(listener: () => void): void {
    if (this.#socket.readyState === this.#socket.CLOSED) listener();
    else this.#closeListeners.push(listener);
  }

  #listenOnePart(): void {
    this.#cancelTimer = this.#options.clock.after(this.#options.idleTimeoutMs / IDLE_PARTS, () => this.#endPart());
  }

  /** Ends one part of the idle timeout. */
  #endPart(): void {
    if (this.#silentParts === IDLE_PARTS) {
      this.close('IDLE');
      return;
    }
    if (this.#silentParts > 0) {
      this.#options.metrics.pinged(this.#options.endpoint);
      this.#socket.ping();
    }
    this.#silentParts++;
    this.#listenOnePart();
  }

  /**
   * Counts arriving bytes. False: they are ignored, since the connection is closing or is closed
   * because of them.
   */
  #admits(bytes: number): boolean {
    if (this.#closing) return false;
    this.#silentParts = 0;
    const excess = this.#rate.excess(bytes, this.#options.clock.nowMs());
    if (excess !== undefined) this.close('RATE_EXCEEDED', excess);
    else if (bytes > (this.#options.limits.messageBytesMax ?? Number.POSITIVE_INFINITY)) this.close('MESSAGE_TOO_BIG');
    return !this.#closing;
  }

  /**
   * Writes a message of `bytes` bytes, unless too much already waits for a peer that does not read.
   */
  #write(bytes: number, write: () => void): void {
    if (this.#closing) return;
    const { bufferedBytes } = this;
    const { unreadBytesMax } = this.#options.limits;
    if (bufferedBytes === 0) this.#unreadBytes = 0;
    this.#unreadBytes += bytes;
    // Frames wait in the same socket, but have their own bounds.
    if (Math.min(this.#unreadBytes, bufferedBytes + bytes) > unreadBytesMax) this.close('TOO_SLOW');
    else write();
  }

  /**
   * Counts a message that would be taken now. True: this connection's turn is over, and waiting
   * messages are taken in the next.
   */
  #isTurnOver(take: TakeMessage): boolean {
    this.#takenInTurn++;
    if (this.#takenInTurn === TURN_MESSAGES_MAX / 2) this.#options.clock.soon(() => this.#beginTurn(take));
    if (this.#takenInTurn <= TURN_MESSAGES_MAX) return false;
    this.#socket.pause();
    return true;
  }

  #beginTurn(take: TakeMessage): void {
    this.#takenInTurn = 0;
    this.#takeWaiting(take);
  }

  #take(take: TakeMessage, data: unknown, isBinary: boolean): void {
    try {
      if (!isBinary || !(data instanceof Uint8Array)) throw new WireError('messages must be binary');
      const taken = take(data);
      if (taken !== undefined) this.#takeLater(take, taken);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes waiting messages until the turn is over. Resumes the socket when none is left. */
  #takeWaiting(take: TakeMessage): void {
    while (!this.#taking && !this.#closing) {
      const [next] = this.#waiting;
      if (next === undefined) {
        this.#socket.resume();
        return;
      }
      if (this.#isTurnOver(take)) return;
      this.#waiting.shift();
      this.#take(take, next.data, next.isBinary);
    }
  }

  #takeLater(take: TakeMessage, taken: Promise<void>): void {
    this.#taking = true;
    this.#socket.pause();
    taken.then(
      () => {
        this.#taking = false;
        this.#takeWaiting(take);
      },
      (error: unknown) => this.fail(error),
    );
  }
}

/**
 * Truncates a reason. RFC 6455 section 5.5: a control frame holds 125 bytes, two of which are the
 * code.
 */
function truncate(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > 123) text = text.slice(0, -1);
  return text;
}
