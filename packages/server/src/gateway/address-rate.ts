// Limits how much each client address may ask of this process. In: opened connections and requests,
// with the addresses that they come from. Out: whether they are within the limit. By default, an
// address that may stand for many clients is not limited: addresses of private networks, from which
// proxies connect, and clients whose address a proxy does not report.
import type { IncomingMessage } from 'node:http';
import { isPrivate, type Networks } from '../kernel/networks.ts';
import { TokenBucket } from '../kernel/token-bucket.ts';
import { addressKey, clientAddress } from './client-address.ts';

/** Which addresses are limited: those of the Internet, those of private networks too, or none. */
export const LimitedAddresses = ['public', 'all', 'none'] as const;

interface AddressRateOptions {
  limited: (typeof LimitedAddresses)[number];
  /** Connections and requests per second of one address. */
  perSecondMax: number;
  /** Proxies that are trusted to report the client of a request. */
  trusted: Networks;
  /** Monotonic milliseconds. */
  nowMs: () => number;
}

/** How a connection or request stands to the limit of its address. */
type AddressVerdict = 'unlimited' | 'within' | 'exceeded';

/**
 * Bursts worth this many seconds pass: a thousand viewers behind one address may open a page at the
 * same time.
 */
const BURST_SECONDS = 20;
/**
 * Number of addresses that are remembered. Beyond it, the one that was quiet for longest is
 * forgotten.
 */
const ADDRESSES_MAX = 10_000;

/** The rates of all addresses. */
export class AddressRate {
  readonly #options: AddressRateOptions;
  /** By addressKey; the address that asked last is at the end. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: AddressRateOptions) {
    this.#options = options;
  }

  /** Number of remembered addresses. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Counts a connection from `remote`. Connections of trusted proxies are unlimited. */
  open(remote: string | undefined): AddressVerdict {
    return this.#take(clientAddress(remote, undefined, this.#options.trusted));
  }

  /** Counts a request. */
  request({ headers, socket }: Pick<IncomingMessage, 'headers'> & { socket: { remoteAddress?: string | undefined } }): AddressVerdict {
    const forwardedFor = headers['x-forwarded-for'];
    return this.#take(clientAddress(socket.remoteAddress, [forwardedFor].flat().join(','), this.#options.trusted));
  }

  #limits(address: string | undefined): address is string {
    const { limited } = this.#options;
    return limited !== 'none' && address !== undefined && !(limited === 'public' && isPrivate(address));
  }

  #take(address: string | undefined): AddressVerdict {
    const { perSecondMax, nowMs } = this.#options;
    if (!this.#limits(address)) return 'unlimited';
    const now = nowMs();
    const key = addressKey(address);
    const bucket = this.#buckets.get(key) ?? new TokenBucket({ rate: perSecondMax, burst: perSecondMax * BURST_SECONDS, nowMs: now });
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > ADDRESSES_MAX) {
      const [oldest = ''] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    return bucket.take(1, now) ? 'within' : 'exceeded';
  }
}
