// The tickets that the kit has given to one client. They are random bytes, so that they cannot be
// forged. It tracks which tickets the client must have read, and what each vouches for.
import { randomBytes } from 'node:crypto';

/** The content of a ticket. */
interface IssuedTicket {
  readonly epoch: bigint;
  /** Everything before this sequence is durable or declared dropped. */
  readonly next: number;
  /** The tickets of a client are numbered from 1. */
  readonly number: number;
}

/** Issues and reads tickets. */
export class TicketDrawer {
  readonly #issued = new Map<string, IssuedTicket>();
  readonly #vouched = new Map<bigint, number>();
  /** The number of the newest ticket that the client has certainly read; 0 if there is none. */
  settled = 0;

  /** Number of issued tickets. */
  get count(): number {
    return this.#issued.size;
  }

  issue(epoch: bigint, next: number): Uint8Array {
    const ticket = randomBytes(40);
    this.#issued.set(ticket.toString('hex'), { epoch, next, number: this.#issued.size + 1 });
    this.#vouched.set(epoch, Math.max(next, this.vouched(epoch)));
    return ticket;
  }

  /** The content of a ticket; undefined if the kit did not issue it. */
  read(ticket: Uint8Array): IssuedTicket | undefined {
    return this.#issued.get(Buffer.from(ticket).toString('hex'));
  }

  /** The client's tickets vouch for everything of `epoch` before this sequence. */
  vouched(epoch: bigint): number {
    return this.#vouched.get(epoch) ?? 0;
  }
}
