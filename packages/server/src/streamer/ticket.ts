// Resume tickets. Any streamer accepts a ticket that a streamer signed, even in another process or
// after a restart. A ticket says how far an epoch was durable when it was signed.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { epochFromText, epochText } from '@hayate/protocol';
import { z } from 'zod';

/** The contents of a ticket. */
export interface Ticket {
  readonly stream: string;
  readonly epoch: bigint;
  readonly generation: number;
  /** Every frame before this sequence is durable or declared dropped. */
  readonly nextSequence: number;
  /** Expiry, in Unix milliseconds. */
  readonly expiresAtMs: number;
}

const MAC_BYTES = 32;
const Content = z.tuple([z.literal(1), z.string(), z.string(), z.int().nonnegative(), z.int().nonnegative(), z.int()]);

/** Signs and reads tickets with one key, shared by all streamers of a deployment. */
export class TicketSigner {
  readonly #key: Buffer;

  /**
   * `secret`: at least 32 bytes. The signing key is derived from it, so a JWT secret can be used.
   */
  constructor(secret: Uint8Array) {
    this.#key = createHmac('sha256', secret).update('hayate resume ticket v1').digest();
  }

  sign(ticket: Ticket): Uint8Array {
    const content = Buffer.from(
      JSON.stringify([1, ticket.stream, epochText(ticket.epoch), ticket.generation, ticket.nextSequence, ticket.expiresAtMs]),
    );
    return Buffer.concat([this.#mac(content), content]);
  }

  /** The ticket; undefined if this signer did not sign it or it has expired at `nowMs`. */
  read(bytes: Uint8Array, nowMs: number): Ticket | undefined {
    if (bytes.length <= MAC_BYTES || bytes.length > 1_024) return undefined;
    const content = Buffer.from(bytes.subarray(MAC_BYTES));
    if (!timingSafeEqual(this.#mac(content), bytes.subarray(0, MAC_BYTES))) return undefined;
    const [, stream, epochDigits, generation, nextSequence, expiresAtMs] = Content.parse(JSON.parse(content.toString()));
    const epoch = epochFromText(epochDigits);
    if (epoch === undefined || expiresAtMs < nowMs) return undefined;
    return { stream, epoch, generation, nextSequence, expiresAtMs };
  }

  #mac(content: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(content).digest();
  }
}
