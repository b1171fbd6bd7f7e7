// An issuer's key set, fetched from its URL and kept. In: time and tokens. Out: the newest keys
// that could be fetched. The last good set stays in use while the issuer has trouble. Keys are
// fetched periodically in the background, and at once for a token that no known key has signed.
// Such fetches are rate-limited, since anyone can make such tokens.
import { Counter, Gauge } from '@prometheus-io/client';
import type { CancelTimer } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import { TokenBucket } from '../kernel/token-bucket.ts';
import { FetchFailure, FetchOutcomes, fetchKeySet } from './fetch-key-set.ts';
import { type KeySet, SET_ALGORITHMS } from './key-set.ts';
import type { Attempt, KeySource } from './key-source.ts';

export interface RemoteKeySetOptions {
  /** http: or https:. The user and password are sent with Basic authentication. */
  readonly url: URL;
  /** How often the set is fetched again in normal operation. */
  readonly refreshMs: number;
  /** Bounds a whole fetch, including redirects and body. */
  readonly timeoutMs: number;
  /** Fetches for tokens that no known key has signed: the burst, and the rate per minute. */
  readonly fetchesPerMinute: number;
}

/** Pause after a failure: the first one, which doubles up to the last one. */
const RETRY_MS_FIRST = 1_000;
const RETRY_MS_LAST = 30_000;

/** The keys of one URL. */
export class RemoteKeySet implements KeySource {
  readonly algorithms = SET_ALGORITHMS;
  readonly #options: RemoteKeySetOptions;
  readonly #context: Context;
  readonly #log: RateLimitedLog;
  readonly #fetches: Counter<'outcome'>;
  readonly #undecided: Counter<'reason'>;
  readonly #bucket: TokenBucket;
  readonly #closing = new AbortController();
  #set: { keys: KeySet; number: number; atMs: number } | undefined;
  /** Number of fetches so far, which is also the number of the newest. */
  #number = 0;
  #fetching: Promise<void> | undefined;
  /** The failure of the newest fetch; undefined: it succeeded. */
  #failure: FetchFailure | undefined;
  #failuresInARow = 0;
  #cancel: CancelTimer = () => undefined;

  constructor(options: RemoteKeySetOptions, context: Context) {
    const registers = [context.registry];
    this.#options = options;
    this.#context = context;
    this.#log = new RateLimitedLog(context.logger);
    this.#fetches = new Counter({
      name: 'hayate_jwks_fetches_total',
      help: 'Fetches of the key set by outcome',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of FetchOutcomes) this.#fetches.inc({ outcome }, 0);
    this.#undecided = new Counter({
      name: 'hayate_tokens_undecided_total',
      help: 'Times that a token could be neither accepted nor refused, because newer keys could not be fetched',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of ['fetch_failed', 'fetch_limit']) this.#undecided.inc({ reason }, 0);
    const age: Gauge = new Gauge({
      name: 'hayate_jwks_age_seconds',
      help: 'Time since the key set in use was fetched; NaN before the first',
      registers,
      collect: () => age.set(this.#set === undefined ? Number.NaN : (this.#nowMs() - this.#set.atMs) / 1000),
    });
    const keys: Gauge = new Gauge({
      name: 'hayate_jwks_keys',
      help: 'Keys in use that can verify a token',
      registers,
      collect: () => keys.set(this.#set?.keys.size ?? 0),
    });
    const { fetchesPerMinute } = options;
    this.#bucket = new TokenBucket({ rate: fetchesPerMinute / 60, burst: fetchesPerMinute, nowMs: this.#nowMs() });
  }

  async find<T>(attempt: Attempt<T>): Promise<T | undefined> {
    const asked = this.#number;
    let tried: KeySet | undefined;
    for (;;) {
      if (this.#set !== undefined && this.#set.keys !== tried) {
        tried = this.#set.keys;
        const found = await attempt(tried);
        if (found !== undefined) return found;
      }
      if (this.#set !== undefined && this.#set.number > asked) {
        if (this.#set.keys === tried) return undefined;
      } else await this.#getNewer();
    }
  }

  start(): void {
    void this.#fetch();
  }

  unready(): string | undefined {
    if (this.#set !== undefined) return undefined;
    return this.#failure === undefined ? 'the key set is being fetched' : `the key set could not be fetched yet: ${this.#failure.message}`;
  }

  async reload(): Promise<void> {
    await this.#fetching;
    await this.#fetch();
  }

  close(): void {
    this.#closing.abort();
    this.#cancel();
  }

  /**
   * Waits for the current fetch, or starts one. Rejects if it fails, or if there have been too
   * many.
   */
  async #getNewer(): Promise<void> {
    if (this.#closing.signal.aborted)
      throw new HayateError('CLOSED', 'the server is closing', { closeCode: 'GOING_AWAY', temporary: true });
    if (this.#fetching === undefined) {
      if (!this.#bucket.take(1, this.#nowMs())) throw this.#cannotDecide('fetch_limit');
      void this.#fetch();
    }
    await this.#fetching;
    if (this.#failure !== undefined) throw this.#cannotDecide('fetch_failed');
  }

  #cannotDecide(reason: 'fetch_failed' | 'fetch_limit'): HayateError {
    this.#undecided.inc({ reason });
    const why = this.#set === undefined ? "its issuer's keys could not be fetched yet" : 'no known key has signed it';
    const then = reason === 'fetch_limit' ? 'newer keys were requested too often' : 'newer keys cannot be fetched now';
    this.#log.warn(`token_undecided_${reason}`, { age: this.#ageSeconds(), cause: this.#failure?.message });
    return new HayateError('UNREACHABLE', `the token cannot be verified now: ${why}, and ${then}`, {
      closeCode: 'ISSUER_UNAVAILABLE',
      temporary: true,
      retryAfterMs: reason === 'fetch_limit' ? 60_000 / this.#options.fetchesPerMinute : RETRY_MS_FIRST,
    });
  }

  /** Fetches the set, one fetch at a time. Never rejects. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchNow(++this.#number).finally(() => {
      this.#fetching = undefined;
      this.#schedule();
    });
    return this.#fetching;
  }

  async #fetchNow(number: number): Promise<void> {
    const { url, timeoutMs } = this.#options;
    try {
      const keys = await fetchKeySet(url, { timeoutMs, clock: this.#context.clock, signal: this.#closing.signal });
      this.#fetches.inc({ outcome: 'ok' });
      this.#take(keys, number);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const failure = error instanceof FetchFailure ? error : new FetchFailure('unreachable', 'it failed', { cause: error });
      this.#fetches.inc({ outcome: failure.outcome });
      this.#failure = failure;
      this.#failuresInARow++;
      const { outcome, message } = failure;
      this.#log.warn('jwks_fetch_failed', { ...this.#where(), outcome, reason: message, age: this.#ageSeconds() });
    }
  }

  #take(keys: KeySet, number: number): void {
    const before = this.#set?.keys;
    if (before === undefined || this.#failure !== undefined || describe(before) !== describe(keys))
      this.#context.logger.info({ ...this.#where(), keys: keys.size, passedOver: keys.passedOver }, 'the key set has been fetched');
    this.#set = { keys, number, atMs: this.#nowMs() };
    this.#failure = undefined;
    this.#failuresInARow = 0;
  }

  #schedule(): void {
    this.#cancel();
    if (this.#closing.signal.aborted) return;
    const { refreshMs } = this.#options;
    const retryMs = Math.min(RETRY_MS_FIRST * 2 ** Math.min(this.#failuresInARow - 1, 16), RETRY_MS_LAST, refreshMs);
    // Spread out, so that processes started together do not fetch together.
    const delayMs = (this.#failuresInARow === 0 ? refreshMs : retryMs) * (0.9 + Math.random() / 10);
    this.#cancel = this.#context.clock.after(delayMs, () => void this.#fetch());
  }

  /** The set's address for the log, without credentials and query. */
  #where(): { url: string } {
    return { url: `${this.#options.url.origin}${this.#options.url.pathname}` };
  }

  #ageSeconds(): number | undefined {
    return this.#set === undefined ? undefined : Math.round((this.#nowMs() - this.#set.atMs) / 1000);
  }

  #nowMs(): number {
    return this.#context.clock.nowMs();
  }
}

function describe({ size, passedOver }: KeySet): string {
  return JSON.stringify([size, passedOver]);
}
