// Closes connections that wait for another HTTP request when they take places that viewers need.
// In: a server and its maximum number of sockets. Out: when nine tenths are taken, the waiting
// connections are closed, at most once a second.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../kernel/clock.ts';

const FULL_SHARE = 0.9;
const SWEEP_INTERVAL_MS = 1_000;

/** Watches the waiting connections of one server. */
export class IdleRequests {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #connectionsNearMax: number;
  #open = 0;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(server: Server, connectionsMax: number, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.#connectionsNearMax = Math.ceil(connectionsMax * FULL_SHARE);
    server.on('connection', (socket: Socket) => {
      this.#open++;
      socket.once('close', () => this.#open--);
      this.#sweep();
    });
    server.on('drop', () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = this.#clock.nowMs();
    // Node checks every connection that speaks HTTP, which is too much work for each new socket.
    if (this.#open < this.#connectionsNearMax || nowMs - this.#sweptMs < SWEEP_INTERVAL_MS) return;
    this.#sweptMs = nowMs;
    this.#server.closeIdleConnections();
  }
}
