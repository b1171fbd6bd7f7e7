// The current token, and its replacement before it expires. A token given as a string cannot be
// refreshed.
import type { TokenSource } from './connection-options.ts';
import { tokenExpiresUnixMs } from './token.ts';

const RETRY_MS = 5_000;
/**
 * Leaves time for timers of background pages, which run once a minute, and for a second fetch after
 * a failure.
 */
const SPARE_MS_MAX = 150_000;
/** setTimeout's longest delay. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** Fetches tokens and supplies a fresh one in time. */
export class TokenRefresh {
  readonly #source: TokenSource;
  readonly #onToken: (token: string) => void;
  #expiresUnixMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is due, Unix milliseconds; undefined while none runs. */
  #dueUnixMs: number | undefined;
  #stopped = false;

  /** `onToken` gets each token that replaces the current one. */
  constructor(source: TokenSource, onToken: (token: string) => void) {
    this.#source = source;
    this.#onToken = onToken;
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
    const lifeMs = Math.max(0, this.#expiresUnixMs - Date.now());
    this.#refreshAfter(Math.max(1_000, lifeMs - Math.min(SPARE_MS_MAX, lifeMs / 4)));
  }

  /**
   * Refreshes now if overdue. Call it whenever the page is awake, because a background timer may be
   * a minute late.
   */
  look(): void {
    if (this.#dueUnixMs !== undefined && Date.now() >= this.#dueUnixMs) this.#refresh();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#dueUnixMs = undefined;
  }

  #refreshAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    const timerMs = Math.min(delayMs, DELAY_MAX_MS);
    this.#dueUnixMs = Date.now() + delayMs;
    this.#timer = setTimeout(() => (delayMs > timerMs ? this.#refreshAfter(delayMs - timerMs) : this.#refresh()), timerMs);
  }

  #refresh(): void {
    clearTimeout(this.#timer);
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
