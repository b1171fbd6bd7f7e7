// Limits the load of one port. In: sockets as they are opened, and requests as they are read. Out:
// each request begun in its turn, or the reason why it is refused, counted once. A socket is
// refused on opening if the process holds too many sockets or its address opens too many. A request
// is refused if its address sends too many, if too many requests wait, or if its client sends more
// without waiting for answers.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../kernel/clock.ts';
import type { AddressRate } from './address-rate.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';
import { PendingRefusals, peerKey } from './pending-refusals.ts';
import type { Refusal } from './refusal.ts';
import { RequestTurns } from './request-turns.ts';

interface LoadLimiterOptions {
  clock: Clock;
  /** Maximum number of open sockets. */
  connectionsMax: number;
  /** The limit for each address; undefined: there is none. */
  addressRate: AddressRate | undefined;
  /** A TLS handshake costs more than a refusal is worth. */
  isTls: boolean;
  metrics: ConnectionMetrics;
}

/** Requests that a client may send before the first of them is answered. */
const PIPELINED_MAX = 16;

const RETRY = { 'Retry-After': '5' };
const FULL: Refusal = {
  ...{ status: 503, reason: 'too_many_connections', headers: RETRY },
  message: 'the server has reached its limit of connections',
};
const BUSY: Refusal = { status: 503, reason: 'busy', message: 'too many requests wait', headers: RETRY };
const TOO_FAST: Refusal = {
  ...{ status: 429, reason: 'too_many_requests', headers: RETRY },
  message: 'too many connections or requests a second from this address',
};
const TOO_MANY_AT_ONCE: Refusal = {
  ...{ status: 429, reason: 'too_many_requests', headers: RETRY },
  message: 'too many requests at once on this connection',
};

/** The limits of one port. */
export class LoadLimiter {
  readonly #options: LoadLimiterOptions;
  readonly #pendingRefusals: PendingRefusals;
  readonly #turns: RequestTurns;
  /** Connections whose first request is counted already, by the peer's address and port. */
  readonly #counted = new Set<string>();
  /** Number of unanswered requests of each socket. */
  readonly #unanswered = new WeakMap<Socket, number>();
  #open = 0;

  constructor(options: LoadLimiterOptions) {
    this.#options = options;
    this.#pendingRefusals = new PendingRefusals(options.clock);
    this.#turns = new RequestTurns(options.clock);
  }

  /**
   * Called when a socket opens. A refused socket waits for its request, so that it can be told, or
   * is closed at once.
   */
  open(socket: Socket): void {
    this.#open++;
    socket.once('close', () => this.#open--);
    const { connectionsMax, addressRate, isTls } = this.#options;
    const verdict = addressRate?.open(socket.remoteAddress);
    const isTooFast = verdict === 'exceeded';
    if (verdict === 'within') this.#countFirstRequest(socket);
    if (!isTooFast && this.#open <= connectionsMax) return;
    const refusal = this.#count(isTooFast ? TOO_FAST : FULL);
    if ((isTooFast && isTls) || !this.#pendingRefusals.hold(socket, refusal)) socket.destroy();
  }

  /** Counts a socket that was closed before anything was known of it. */
  drop(): void {
    this.#count(FULL);
  }

  /**
   * Begins a request now or soon, or returns why it is refused. `response`: undefined for an
   * upgrade.
   */
  admit(request: IncomingMessage, response: ServerResponse | undefined, begin: () => void): Refusal | undefined {
    const { socket } = request;
    const pending = this.#pendingRefusals.refusalOf(socket);
    if (pending !== undefined) return pending;
    // A connection and its first request count once, or a client that is over its limit would
    // spend on connections what its requests need.
    const isCounted = this.#counted.delete(peerKey(socket) ?? '');
    if (!isCounted && this.#options.addressRate?.request(request) === 'exceeded') return this.#count(TOO_FAST);
    const unanswered = this.#unanswered.get(socket) ?? 0;
    if (unanswered >= PIPELINED_MAX) return this.#count(TOO_MANY_AT_ONCE);
    if (!this.#turns.pass(begin)) return this.#count(BUSY);
    if (response === undefined) return undefined;
    this.#unanswered.set(socket, unanswered + 1);
    response.once('finish', () => this.#unanswered.set(socket, (this.#unanswered.get(socket) ?? 1) - 1));
    return undefined;
  }

  #countFirstRequest(socket: Socket): void {
    const key = peerKey(socket);
    if (key === undefined) return;
    this.#counted.add(key);
    socket.once('close', () => this.#counted.delete(key));
  }

  #count(refusal: Refusal): Refusal {
    this.#options.metrics.refusedUpgrade(refusal.reason);
    return refusal;
  }
}
