// The token in use, and its replacement before it runs out. A token that is only a string cannot be refreshed.
import type { TokenSource } from './connection-options.ts';
import { tokenExpiresUnixMs } from './token.ts';

const RETRY_MS = 5_000;
/** Timers of pages in the background run once a minute, and a fetch that fails is tried again. */
const SPARE_MS_MAX = 150_000;
/** setTimeout's longest delay. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** Fetches tokens; hands over a fresh one in time. */
export class TokenRefresh {
  readonly #source: TokenSource;
  readonly #onToken: (token: string) => void;
  #expiresUnixMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is due, Unix milliseconds; undefined while none runs. */
  #dueUnixMs: number | undefined;
  #stopped = false;

  /** `onToken` gets each token that replaces the one in use. */
  constructor(source: TokenSource, onToken: (token: string) => void) {
    this.#source = source;
    this.#onToken = onToken;
  }

  /** A token for a new connection; rejects with what the source rejects with. */
  async fetch(): Promise<string> {
    const token = typeof this.#source === 'string' ? this.#source : await this.#source();
    this.#expiresUnixMs = tokenExpiresUnixMs(token);
    return token;
  }

  /** The connection holds: refresh when a quarter of the token's remaining life is left, at most 150 s before its end. */
  schedule(): void {
    if (typeof this.#source === 'string' || this.#expiresUnixMs === undefined || this.#stopped) return;
    const lifeMs = Math.max(0, this.#expiresUnixMs - Date.now());
    this.#refreshAfter(Math.max(1_000, lifeMs - Math.min(SPARE_MS_MAX, lifeMs / 4)));
  }

  /** Refreshes now if that is overdue: to be called whenever the page is awake, as a timer in the background may come a minute late. */
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
