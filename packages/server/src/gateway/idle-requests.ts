// Connections that wait for another HTTP request take places that viewers need. In: a server and how many sockets it may have open.
// Out: when nine tenths are taken, those that only wait are closed, at most once a second.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { nowMonotonicMs } from '../kernel/clock.ts';

const FULL_SHARE = 0.9;
const SWEEP_INTERVAL_MS = 1_000;

/** Watches over the waiting connections of one server. */
export class IdleRequests {
  readonly #server: Server;
  readonly #connectionsNearMax: number;
  #open = 0;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(server: Server, connectionsMax: number) {
    this.#server = server;
    this.#connectionsNearMax = Math.ceil(connectionsMax * FULL_SHARE);
    server.on('connection', (socket: Socket) => {
      this.#open++;
      socket.once('close', () => this.#open--);
      this.#sweep();
    });
    server.on('drop', () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = nowMonotonicMs();
    // Node looks at every connection that speaks HTTP: too much to do for each that is opened.
    if (this.#open < this.#connectionsNearMax || nowMs - this.#sweptMs < SWEEP_INTERVAL_MS) return;
    this.#sweptMs = nowMs;
    this.#server.closeIdleConnections();
  }
}
