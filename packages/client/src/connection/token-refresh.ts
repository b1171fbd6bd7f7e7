// The current token, and its replacement before it expires. A token given as a string cannot be
// refreshed.
import type { TokenSource } from './connection-options.ts';
import { type CancelTimer, systemTimers, type Timers } from './timers.ts';
import { tokenExpiresUnixMs } from './token.ts';

/** Delay between a failed fetch and the next. */
const RETRY_MS = 5_000;
/** Shortest delay of a refresh, so that tokens that expire at once are not fetched in a loop. */
const DELAY_MIN_MS = 1_000;
/**
 * Leaves time for timers of background pages, which run once a minute, and for a second fetch after
 * a failure.
 */
const MARGIN_MS_MAX = 150_000;
/** setTimeout's longest delay. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** Fetches tokens and supplies a fresh one in time. */
export class TokenRefresh {
  readonly #source: TokenSource;
  readonly #onToken: (token: string) => void;
  readonly #timers: Timers;
  #expiresUnixMs: number | undefined;
  #cancelTimer: CancelTimer = () => {};
  /** When the timer is due, Unix milliseconds; undefined while none runs. */
  #dueUnixMs: number | undefined;
  #stopped = false;

  /** `onToken` gets each token that replaces the current one. */
  constructor(source: TokenSource, onToken: (token: string) => void, timers: Timers = systemTimers) {
    this.#source = source;
    this.#onToken = onToken;
    this.#timers = timers;
  }

  /** A token for a new connection; rejects if the source rejects. */
  async fetch(): Promise<string> {
    const token = typeof this.#source === 'string' ? this.#source : await this.#source();
    this.#expiresUnixMs = tokenExpiresUnixMs(token);
    return token;
  }

  /**
   * The connection is established: refresh when a quarter of the token's remaining life is left, at
   * most 150 s before its end.
   */
  schedule(): void {
    if (typeof this.#source === 'string' || this.#expiresUnixMs === undefined || this.#stopped) return;
    const lifeMs = Math.max(0, this.#expiresUnixMs - this.#nowUnixMs());
    this.#refreshAfter(Math.max(DELAY_MIN_MS, lifeMs - Math.min(MARGIN_MS_MAX, lifeMs / 4)));
  }

  /**
   * Refreshes now if overdue. Call it whenever the page is awake, because a background timer may be
   * a minute late.
   */
  refreshIfDue(): void {
    if (this.#dueUnixMs !== undefined && this.#nowUnixMs() >= this.#dueUnixMs) this.#refresh();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#dueUnixMs = undefined;
  }

  #nowUnixMs(): number {
    return this.#timers.nowUnixUs() / 1000;
  }

  #refreshAfter(delayMs: number): void {
    this.#cancelTimer();
    const timerMs = Math.min(delayMs, DELAY_MAX_MS);
    this.#dueUnixMs = this.#nowUnixMs() + delayMs;
    this.#cancelTimer = this.#timers.after(timerMs, () => (delayMs > timerMs ? this.#refreshAfter(delayMs - timerMs) : this.#refresh()));
  }

  #refresh(): void {
    this.#cancelTimer();
    this.#dueUnixMs = undefined;
    this.fetch().then(
      (token) => {
        if (this.#stopped) return;
        this.#onToken(token);
        this.schedule();
      },
      () => {
        if (!this.#stopped) this.#refreshAfter(RETRY_MS);
      },
    );
  }
}
