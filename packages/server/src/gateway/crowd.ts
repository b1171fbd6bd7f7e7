// Who gets through the door when many want to. In: sockets as they are opened and requests as they are read. Out: each request begun in
// its turn, or the reason why it is refused, counted once. A socket is refused when it is opened, if the process holds too many or
// its address opens too many; a request, if its address makes too many, too many wait, or its client does not wait for answers.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AddressRate } from './address-rate.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';
import type { Refusal } from './refusal.ts';
import { RequestTurns } from './request-turns.ts';
import { Surplus } from './surplus.ts';

export interface CrowdOptions {
  /** Open sockets at most. */
  connectionsMax: number;
  /** What each address may ask for; undefined: there is no limit. */
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
  message: 'the server holds as many connections as it may',
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

/** The crowd at one port. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #surplus = new Surplus();
  readonly #turns = new RequestTurns();
  /** Requests of a socket that have not been answered. */
  readonly #unanswered = new WeakMap<Socket, number>();
  #open = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
  }

  /** A socket is opened. One that is refused waits for its request, to be told so, or is closed at once. */
  enter(socket: Socket): void {
    this.#open++;
    socket.once('close', () => this.#open--);
    const { connectionsMax, addressRate, isTls } = this.#options;
    const isTooFast = addressRate?.open(socket.remoteAddress) === false;
    if (!isTooFast && this.#open <= connectionsMax) return;
    const refusal = this.#count(isTooFast ? TOO_FAST : FULL);
    if ((isTooFast && isTls) || !this.#surplus.hold(socket, refusal)) socket.destroy();
  }

  /** A socket was closed before anything could be known of it. */
  drop(): void {
    this.#count(FULL);
  }

  /** Begins a request now or soon; or returns why it is refused. `response`: undefined for an upgrade. */
  admit(request: IncomingMessage, response: ServerResponse | undefined, begin: () => void): Refusal | undefined {
    const { socket } = request;
    const surplus = this.#surplus.refusalOf(socket);
    if (surplus !== undefined) return surplus;
    if (this.#options.addressRate?.request(request) === false) return this.#count(TOO_FAST);
    const unanswered = this.#unanswered.get(socket) ?? 0;
    if (unanswered >= PIPELINED_MAX) return this.#count(TOO_MANY_AT_ONCE);
    if (!this.#turns.pass(begin)) return this.#count(BUSY);
    if (response === undefined) return undefined;
    this.#unanswered.set(socket, unanswered + 1);
    response.once('finish', () => this.#unanswered.set(socket, (this.#unanswered.get(socket) ?? 1) - 1));
    return undefined;
  }

  #count(refusal: Refusal): Refusal {
    this.#options.metrics.refusedUpgrade(refusal.reason);
    return refusal;
  }
}
