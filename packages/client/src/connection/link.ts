// Keeps one stream connected: token, first message, reconnection with backoff, a successor before a
// draining server closes, token refresh, clock estimate. Its owner (Broadcaster, Viewer) sees
// messages of one connection at a time: once a newer one is welcomed, no message of an older one
// follows.
import { type CloseCodeName, type ServerMessage, Timing } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import { Backoff } from './backoff.ts';
import { type Clock, monotonicClock } from './clock.ts';
import { ClockEstimate } from './clock-estimate.ts';
import type { CloseReason } from './close-reason.ts';
import type { ConnectionOptions } from './connection-options.ts';
import type { ConnectionState, StateChange } from './connection-state.ts';
import { endpointUrl } from './server-url.ts';
import { type ClientMessageInput, Socket } from './socket.ts';
import { type CancelTimer, systemTimers, type Timers } from './timers.ts';
import { TokenRefresh } from './token-refresh.ts';

/** The callbacks of a Link. */
export interface LinkOwner {
  /** The first message of a connection. */
  hello(token: string): ClientMessageInput;
  /**
   * The server's clock in the answer to the hello, Unix microseconds; undefined if the message is
   * not that answer.
   */
  welcome(message: ServerMessage): number | undefined;
  /** A message of the current connection, the welcome first. `bytes` is its size. */
  onMessage(message: ServerMessage, bytes: number): void;
  onState(change: StateChange): void;
  /** Whether a new hello can succeed after this permanent close. */
  recovers(name: CloseCodeName | undefined): boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** A lasting connection to one endpoint, for one stream. */
export class Link {
  readonly clock: Clock;
  readonly clockEstimate = new ClockEstimate();
  readonly #options: ConnectionOptions;
  readonly #owner: LinkOwner;
  readonly #url: string;
  readonly #backoff: Backoff;
  readonly #tokens: TokenRefresh;
  readonly #timers: Timers;
  readonly #random: () => number;
  #state: ConnectionState = 'idle';
  #current: Socket | undefined;
  #liveSinceMs = 0;
  /**
   * The connection that is being opened: the first, or the successor of the current one. It has no
   * socket while its token is fetched.
   */
  #successor: { socket: Socket | undefined } | undefined;
  /** Set while an attempt to open a connection is scheduled. */
  #cancelAttempt: CancelTimer | undefined;
  #start: { resolve: () => void; reject: (error: ClientError) => void; cancelTimer: CancelTimer } | undefined;
  #reason: CloseReason | undefined;
  reconnects = 0;

  constructor(options: ConnectionOptions, path: string, owner: LinkOwner, timers: Timers = systemTimers) {
    this.#options = options;
    this.#owner = owner;
    this.#url = endpointUrl(options.server, path);
    this.clock = options.clock ?? monotonicClock;
    this.#random = options.random ?? Math.random;
    this.#backoff = new Backoff(this.#random);
    this.#timers = timers;
    this.#tokens = new TokenRefresh(options.token, (token) => this.#current?.send({ token }), timers);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get bufferedAmountBytes(): number {
    return this.#current?.bufferedAmountBytes ?? 0;
  }

  /** How long the oldest unanswered ping has waited, milliseconds. */
  get unansweredMs(): number {
    return this.#current?.unansweredMs(this.clock.nowMs()) ?? 0;
  }

  /**
   * Connects. Resolves when welcomed; rejects with ClientError REFUSED or UNREACHABLE, or NOT_LIVE
   * if closed in the meantime.
   */
  connect(): Promise<void> {
    if (this.#state !== 'idle') return Promise.reject(new ClientError('NOT_LIVE', 'This instance was already started; create a new one.'));
    this.#become({ state: 'connecting' });
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
      const cancelTimer = this.#timers.after(timeoutMs, () => {
        const why = this.#reason?.sentence ?? 'The server did not answer.';
        this.#finish('failed', new ClientError('UNREACHABLE', `No connection to ${this.#options.server} within ${timeoutMs} ms. ${why}`));
      });
      this.#start = { resolve, reject, cancelTimer };
      this.#open();
    });
  }

  /** Writes a message to the current connection; returns its size, 0 if there is no connection. */
  send(message: ClientMessageInput): number {
    return this.#current?.send(message) ?? 0;
  }

  /** The work is done: closes for good. */
  close(reason?: string): void {
    if (this.#state === 'ended' || this.#state === 'failed') return;
    this.#finish('ended', new ClientError('NOT_LIVE', 'The connection was closed.'), reason);
  }

  #become(change: StateChange): void {
    this.#state = change.state;
    this.#owner.onState(change);
  }

  /**
   * The server closes the current connection in `closeAfterMs`: opens a successor while the current
   * one continues. All clients of that server do so, so each waits for a random time.
   */
  #openSuccessor(closeAfterMs: number): void {
    if (this.#successor !== undefined || this.#cancelAttempt !== undefined) return;
    this.#openAfter(this.#random() * Math.min(Timing.successorSpreadMs, closeAfterMs / 2));
  }

  #open(): void {
    const successor: { socket: Socket | undefined } = { socket: undefined };
    this.#successor = successor;
    this.#tokens.fetch().then(
      (token) => {
        if (this.#successor === successor) this.#openSocket(successor, token);
      },
      (error: unknown) => {
        if (this.#successor !== successor) return;
        const message = error instanceof Error ? error.message : String(error);
        this.#retryOrFinish({ code: 1006, name: undefined, sentence: `The token could not be fetched: ${message}`, outcome: 'retry' });
      },
    );
  }

  #openSocket(successor: { socket: Socket | undefined }, token: string): void {
    let welcomed = false;
    const socket = new Socket({
      url: this.#url,
      WebSocket: this.#options.WebSocket ?? WebSocket,
      clock: this.clock,
      timers: this.#timers,
      hello: this.#owner.hello(token),
      onRoundTrip: (trip) => this.clockEstimate.add(trip),
      onMessage: (message, bytes) => {
        this.#tokens.refreshIfDue();
        if (!welcomed) {
          const serverUnixUs = this.#owner.welcome(message);
          if (serverUnixUs === undefined) return;
          welcomed = true;
          this.#adopt(socket, serverUnixUs);
          this.#owner.onMessage(message, bytes);
          this.#goLive();
        } else this.#owner.onMessage(message, bytes);
        if (message.goAway !== undefined && socket === this.#current) this.#openSuccessor(message.goAway.closeAfterMs);
      },
      onClose: (reason) => {
        if (socket === this.#current) this.#currentEnded(reason);
        else if (socket === this.#successor?.socket) this.#retryOrFinish(reason);
      },
    });
    successor.socket = socket;
  }

  /** The server has answered: the connection replaces the current one. */
  #adopt(socket: Socket, serverUnixUs: number): void {
    const nowMs = this.clock.nowMs();
    if (this.#current !== undefined || this.#liveSinceMs > 0) this.reconnects++;
    this.#current?.close();
    this.#current = socket;
    this.#successor = undefined;
    this.#liveSinceMs = nowMs;
    this.clockEstimate.add({ sentMs: socket.helloMs, receivedMs: nowMs, serverUnixUs });
    socket.startPings();
    this.#tokens.schedule();
  }

  /** The owner has read the welcome, so the connection is live. */
  #goLive(): void {
    if (this.#current === undefined) return;
    if (this.#state !== 'live') this.#become({ state: 'live' });
    this.#start?.cancelTimer();
    this.#start?.resolve();
    this.#start = undefined;
  }

  /** The current connection has ended. */
  #currentEnded(reason: CloseReason): void {
    if (this.#current === undefined) return;
    this.#current = undefined;
    if (this.clock.nowMs() - this.#liveSinceMs >= Timing.settledMs) this.#backoff.reset();
    // A server closes the older connection when it accepts the successor, whose welcome may come a
    // moment later. While a successor is opening it decides, whatever ended the older connection.
    const hasSuccessor =
      (this.#successor !== undefined && reason.outcome !== 'ended') || (reason.name === 'SUPERSEDED' && this.#cancelAttempt !== undefined);
    if (hasSuccessor) this.#become({ state: 'reconnecting', reason: reason.sentence, closeCode: reason.code, retryInMs: 0 });
    else this.#retryOrFinish(reason);
  }

  /** A connection has ended or could not be opened. */
  #retryOrFinish(reason: CloseReason): void {
    this.#reason = reason;
    const recovers = reason.outcome === 'failed' && this.#owner.recovers(reason.name);
    if (reason.outcome !== 'retry' && !recovers) {
      this.#finish(reason.outcome, refusal(reason), reason.sentence, reason);
      return;
    }
    this.#successor?.socket?.close();
    this.#successor = undefined;
    const retryInMs = Math.round(recovers ? 0 : this.#backoff.nextMs());
    this.#openAfter(retryInMs);
    if (this.#current === undefined)
      this.#become({ ...changeOf(reason), state: this.#start === undefined ? 'reconnecting' : 'connecting', retryInMs });
  }

  #openAfter(delayMs: number): void {
    this.#cancelAttempt?.();
    this.#cancelAttempt = this.#timers.after(delayMs, () => {
      this.#cancelAttempt = undefined;
      this.#open();
    });
  }

  #finish(state: 'ended' | 'failed', error: ClientError, sentence = error.message, reason?: CloseReason): void {
    this.#cancelAttempt?.();
    this.#cancelAttempt = undefined;
    this.#tokens.stop();
    this.#successor?.socket?.close();
    this.#successor = undefined;
    this.#current?.close();
    this.#current = undefined;
    const start = this.#start;
    this.#start = undefined;
    start?.cancelTimer();
    this.#become({ ...(reason === undefined ? {} : changeOf(reason)), state, reason: sentence });
    start?.reject(error);
  }
}

function refusal(reason: CloseReason): ClientError {
  return new ClientError('REFUSED', reason.sentence, reason.name === undefined ? {} : { closeCode: reason.name });
}

function changeOf(reason: CloseReason): Omit<StateChange, 'state'> {
  return { reason: reason.sentence, closeCode: reason.code, ...(reason.name === undefined ? {} : { closeCodeName: reason.name }) };
}
