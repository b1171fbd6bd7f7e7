// Connections beyond the limit of the process or of their address. In: sockets as they are opened.
// Out: a few of them stay until their request has been refused with a status that says why. The
// others are closed at once, since answering a flood is not worth the cost.
import type { Socket } from 'node:net';
import type { Clock } from '../kernel/clock.ts';
import type { Refusal } from './refusal.ts';

/** Maximum number of sockets that wait for their refusal. */
export const PENDING_REFUSALS_MAX = 100;
/** How long they may wait. */
const WAIT_MS = 2_000;

/** Sockets that wait for their refusal. */
export class PendingRefusals {
  readonly #clock: Clock;
  /**
   * By the peer's address and port, since a TLS socket is a different object from the socket that
   * was opened.
   */
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Keeps `socket` until it is refused with `refusal`. False: too many wait, or the socket has
   * closed.
   */
  hold(socket: Socket, refusal: Refusal): boolean {
    const key = peerKey(socket);
    if (key === undefined || this.#refusals.size >= PENDING_REFUSALS_MAX) return false;
    this.#refusals.set(key, refusal);
    const cancelTimer = this.#clock.after(WAIT_MS, () => socket.destroy());
    socket.once('close', () => {
      cancelTimer();
      this.#refusals.delete(key);
    });
    return true;
  }

  /** The refusal for a request on `socket`; undefined: it is not refused. */
  refusalOf(socket: Socket): Refusal | undefined {
    return this.#refusals.size === 0 ? undefined : this.#refusals.get(peerKey(socket) ?? '');
  }
}

/**
 * The peer's address and port, which a TLS socket has in common with the socket below it; undefined
 * if the peer has gone.
 */
export function peerKey({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
