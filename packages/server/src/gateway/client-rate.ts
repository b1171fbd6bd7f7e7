// What one client may send in a time, whatever it sends: messages and pings count alike, and so do their bytes. In: one message's
// size and the time. Out: whether it is within the limits. Bursts pass, so that what a poor network held back does not count as
// a flood when it arrives.
import { Timing } from '@hayate/protocol';
import { TokenBucket } from '../kernel/token-bucket.ts';

/** What one client may send. */
export interface ClientRates {
  /** Messages a second, WebSocket pings and pongs included. */
  messagesPerSecondMax: number;
  /** Bits of these messages a second. */
  bitsPerSecondMax: number;
}

/** The rate of one client. */
export class ClientRate {
  readonly #messages: TokenBucket;
  readonly #bits: TokenBucket;

  constructor({ messagesPerSecondMax, bitsPerSecondMax }: ClientRates, nowMs: number) {
    const bucket = (rate: number) => new TokenBucket({ rate, burst: (rate * Timing.rateBurstMs) / 1_000, nowMs });
    this.#messages = bucket(messagesPerSecondMax);
    this.#bits = bucket(bitsPerSecondMax);
  }

  /** Counts a message. Returns what there is too much of, as a sentence for the client; undefined: the message is within the limits. */
  excess(bytes: number, nowMs: number): string | undefined {
    if (!this.#messages.take(1, nowMs)) return 'too many messages a second';
    return this.#bits.take(bytes * 8, nowMs) ? undefined : 'too many bits a second';
  }
}
