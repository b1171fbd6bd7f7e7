// Connections above what the process may hold, or of an address that opens too many. In: sockets as they are opened. Out: a few of them
// stay until their request has been refused with a status that says why; more are closed at once, since a flood is not worth answers.
import type { Socket } from 'node:net';
import type { Refusal } from './refusal.ts';

/** Sockets that may wait for their refusal. */
export const SURPLUS_MAX = 100;
/** How long they may. */
const WAIT_MS = 2_000;

/** Sockets that wait for their refusal. */
export class Surplus {
  /** By the peer's address and port: a TLS socket is another object than the one that was opened. */
  readonly #refusals = new Map<string, Refusal>();

  /** Keeps `socket` until it is refused with `refusal`. False: too many wait, or it has gone. */
  hold(socket: Socket, refusal: Refusal): boolean {
    const key = keyOf(socket);
    if (key === undefined || this.#refusals.size >= SURPLUS_MAX) return false;
    this.#refusals.set(key, refusal);
    const timer = setTimeout(() => socket.destroy(), WAIT_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#refusals.delete(key);
    });
    return true;
  }

  /** What a request on `socket` is refused with; undefined: it need not be. */
  refusalOf(socket: Socket): Refusal | undefined {
    return this.#refusals.size === 0 ? undefined : this.#refusals.get(keyOf(socket) ?? '');
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
