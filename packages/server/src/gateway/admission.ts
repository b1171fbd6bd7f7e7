// A connection's right to its stream: checked when the connection begins, kept while its token
// lasts, renewed in-band. A renewal never delays the connection. A renewal that cannot be decided
// now is retried until it is decided, or until the present token expires.
import { allows, type Right } from '../auth/grant.ts';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import type { CancelTimer } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import type { Connection } from './connection.ts';

/** The longest timer that Node takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Pauses between attempts to decide a renewal: the first one, which doubles up to the last one. */
const RETRY_MS_FIRST = 500;
const RETRY_MS_LAST = 15_000;

/** The right that a connection asks for. */
interface AdmissionRequest {
  readonly verify: VerifyToken;
  readonly right: Right;
  readonly stream: string;
}

/** An admission to keep: the request, the clock by which its token expires, and chance. */
interface AdmissionOptions extends AdmissionRequest, Pick<Context, 'clock' | 'random'> {}

/**
 * Rejects with HayateError UNAUTHORIZED or FORBIDDEN unless `token` grants the right; with
 * UNREACHABLE if that cannot be decided now.
 */
export async function admit({ verify, right, stream }: AdmissionRequest, token: string): Promise<Identity> {
  const identity = await verify(token);
  if (!allows(identity.grants, right, stream))
    throw new HayateError('FORBIDDEN', `the token does not grant ${right} on this stream`, { closeCode: 'FORBIDDEN' });
  return identity;
}

/** Renewals of one connection that are verified at the same time. */
const VERIFYING_MAX = 4;

interface Renewal {
  readonly number: number;
  readonly token: string;
  state: 'waiting' | 'verifying' | 'undecided';
  failures: number;
}

/**
 * Keeps a connection while its token lasts. Then closes it with TOKEN_EXPIRED, or with
 * ISSUER_UNAVAILABLE if a renewal is still undecided.
 */
export class Admission {
  readonly #connection: Connection;
  readonly #options: AdmissionOptions;
  #cancelExpiry: CancelTimer = () => undefined;
  #cancelRetry: CancelTimer = () => undefined;
  /** The newest renewal, until it is decided. */
  #newest: Renewal | undefined;
  /** Number of renewals so far, of those being verified, and of the newest one accepted. */
  #count = 0;
  #verifying = 0;
  #accepted = 0;

  constructor(connection: Connection, options: AdmissionOptions, identity: Identity) {
    this.#connection = connection;
    this.#options = options;
    connection.onClose(() => {
      this.#cancelExpiry();
      this.#cancelRetry();
    });
    this.#lastUntil(identity.expiresAtMs);
  }

  /**
   * Takes a new token; returns at once. If the token is accepted, the connection lasts until it
   * expires; if it is refused, the connection is closed. Of the undecided tokens, only the newest
   * is kept and retried.
   */
  renew(token: string): void {
    this.#cancelRetry();
    this.#newest = { number: ++this.#count, token, state: 'waiting', failures: 0 };
    void this.#decide(this.#newest);
  }

  async #decide(renewal: Renewal): Promise<void> {
    if (this.#verifying === VERIFYING_MAX || this.#connection.closing) return;
    renewal.state = 'verifying';
    this.#verifying++;
    try {
      this.#accept(renewal, await admit(this.#options, renewal.token));
    } catch (error) {
      if (error instanceof HayateError && error.temporary) this.#postpone(renewal);
      else this.#connection.fail(error);
    }
    this.#verifying--;
    if (this.#newest?.state === 'waiting') void this.#decide(this.#newest);
  }

  #accept({ number }: Renewal, { expiresAtMs }: Identity): void {
    if (this.#newest?.number === number) this.#newest = undefined;
    // A newer renewal may have been decided before this one.
    if (number < this.#accepted) return;
    this.#accepted = number;
    this.#lastUntil(expiresAtMs);
  }

  #postpone(renewal: Renewal): void {
    if (this.#newest !== renewal || this.#connection.closing) return;
    renewal.state = 'undecided';
    const fullMs = Math.min(RETRY_MS_FIRST * 2 ** Math.min(renewal.failures++, 16), RETRY_MS_LAST);
    // Spread out, so that connections that renew together do not retry together.
    const { clock, random } = this.#options;
    const delayMs = fullMs * (0.5 + random() / 2);
    this.#cancelRetry = clock.after(delayMs, () => void this.#decide(renewal));
  }

  #lastUntil(unixMs: number): void {
    this.#cancelExpiry();
    if (this.#connection.closing) return;
    const { clock } = this.#options;
    const waitMs = Math.min(Math.max(0, unixMs - clock.nowWallMs()), TIMER_MS_MAX);
    this.#cancelExpiry = clock.after(waitMs, () => (waitMs === TIMER_MS_MAX ? this.#lastUntil(unixMs) : this.#end()));
  }

  #end(): void {
    if (this.#newest === undefined) this.#connection.close('TOKEN_EXPIRED');
    else this.#connection.close('ISSUER_UNAVAILABLE', 'the token expired before its successor could be verified');
  }
}
