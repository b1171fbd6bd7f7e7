// Limits what one client may send over time. Messages and pings count alike, and so do their bytes.
// In: the size of a message and the time. Out: whether it is within the limits. Bursts pass, so
// that messages that a poor network delayed do not count as a flood when they arrive.
import { Timing } from '@hayate/protocol';
import { TokenBucket } from '../kernel/token-bucket.ts';

/** What one client may send. */
export interface ClientRates {
  /** Messages per second, WebSocket pings and pongs included. */
  messagesPerSecondMax: number;
  /** Bits per second of these messages. */
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

  /**
   * Counts a message. Returns a sentence for the client that names the limit exceeded; undefined:
   * the message is within the limits.
   */
  excess(bytes: number, nowMs: number): string | undefined {
    if (!this.#messages.take(1, nowMs)) return 'too many messages a second';
    return this.#bits.take(bytes * 8, nowMs) ? undefined : 'too many bits a second';
  }
}
