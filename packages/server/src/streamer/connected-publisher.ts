// The publisher of a broadcast that comes over a WebSocket. In: what became of the frames. Out:
// messages to the broadcaster, each acknowledgement with a new resume ticket.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Ended, ServerMessageSchema, Timing } from '@hayate/protocol';
import type { Publication } from '../broadcast/publication.ts';
import type { DismissalCode, Publisher } from '../broadcast/publisher.ts';
import type { Connection } from '../gateway/connection.ts';
import type { Clock } from '../kernel/clock.ts';
import type { TicketSigner } from './ticket.ts';

interface ConnectedPublisherOptions {
  connection: Connection;
  publication: Publication;
  tickets: TicketSigner;
  clock: Clock;
}

/** A broadcaster's connection, as its broadcast sees it. */
export class ConnectedPublisher implements Publisher {
  readonly publication: Publication;
  readonly #options: ConnectedPublisherOptions;

  constructor(options: ConnectedPublisherOptions) {
    this.publication = options.publication;
    this.#options = options;
  }

  /** A new resume ticket. */
  ticket(): Uint8Array {
    const { tickets, clock } = this.#options;
    const { stream, epoch, generation, nextSequence } = this.publication;
    const expiresAtMs = Math.round(clock.nowUnixUs() / 1_000) + Timing.ticketValidMs;
    return tickets.sign({ stream, epoch, generation, nextSequence, expiresAtMs });
  }

  acknowledge(nextSequence: number): void {
    // A client discards acknowledged frames, so its newest ticket must vouch for all of them to the
    // next server.
    this.#send({ ack: { nextSequence: BigInt(nextSequence), ticket: this.ticket() } });
  }

  resend(fromSequence: number): void {
    this.#send({ resend: { fromSequence: BigInt(fromSequence) } });
  }

  tellViewers(viewers: number): void {
    this.#send({ audience: { viewers } });
  }

  finish(ended: Ended): void {
    this.#send({ ended });
    this.#options.connection.close('NORMAL');
  }

  dismiss(code: DismissalCode): void {
    this.#options.connection.close(code);
  }

  #send(message: MessageInitShape<typeof ServerMessageSchema>): void {
    this.#options.connection.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, message)));
  }
}
