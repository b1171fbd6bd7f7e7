// A connection's right to its stream: checked when it begins, kept while its token lasts, renewed in-band. A renewal never holds
// the connection up; one that cannot be decided now is tried again until it is, or until the present token runs out.
import { allows, type Right } from '../auth/grant.ts';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import { HayateError } from '../kernel/error.ts';
import type { Connection } from './connection.ts';

/** setTimeout's own limit. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Pauses between two tries of a renewal: the first, doubling up to the last. */
const RETRY_MS_FIRST = 500;
const RETRY_MS_LAST = 15_000;

/** What a connection asks for. */
export interface AdmissionRequest {
  readonly verify: VerifyToken;
  readonly right: Right;
  readonly stream: string;
}

/** Rejects with HayateError UNAUTHORIZED or FORBIDDEN unless `token` grants the right; UNREACHABLE if that cannot be decided now. */
export async function admit({ verify, right, stream }: AdmissionRequest, token: string): Promise<Identity> {
  const identity = await verify(token);
  if (!allows(identity.grants, right, stream))
    throw new HayateError('FORBIDDEN', `the token does not grant ${right} on this stream`, { closeCode: 'FORBIDDEN' });
  return identity;
}

/** Keeps a connection while its token lasts; closes it with TOKEN_EXPIRED, or ISSUER_UNAVAILABLE if a renewal is undecided then. */
export class Admission {
  readonly #connection: Connection;
  readonly #request: AdmissionRequest;
  #expiry: NodeJS.Timeout | undefined;
  /** The newest renewal that is not decided yet. */
  #renewal: { readonly token: string; failures: number } | undefined;
  #verifying = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(connection: Connection, request: AdmissionRequest, identity: Identity) {
    this.#connection = connection;
    this.#request = request;
    connection.onClose(() => {
      clearTimeout(this.#expiry);
      clearTimeout(this.#retry);
    });
    this.#lastUntil(identity.expiresAtMs);
  }

  /**
   * Takes a new token; returns at once. If it is accepted the connection lasts until it runs out, if it is refused the connection
   * is closed. One is verified at a time; of those that come meanwhile the newest is kept.
   */
  renew(token: string): void {
    this.#renewal = { token, failures: 0 };
    clearTimeout(this.#retry);
    void this.#decide();
  }

  async #decide(): Promise<void> {
    const renewal = this.#renewal;
    if (this.#verifying || renewal === undefined || this.#connection.closing) return;
    this.#verifying = true;
    try {
      const identity = await admit(this.#request, renewal.token);
      if (this.#renewal === renewal) this.#renewal = undefined;
      this.#lastUntil(identity.expiresAtMs);
    } catch (error) {
      if (error instanceof HayateError && error.temporary) renewal.failures++;
      else this.#connection.fail(error);
    }
    this.#verifying = false;
    if (this.#renewal !== renewal) void this.#decide();
    else if (!this.#connection.closing) this.#tryAgain(renewal.failures);
  }

  #tryAgain(failures: number): void {
    const fullMs = Math.min(RETRY_MS_FIRST * 2 ** Math.min(failures - 1, 16), RETRY_MS_LAST);
    // Connections that renew at the same time need not come back together.
    this.#retry = setTimeout(() => void this.#decide(), fullMs * (0.5 + Math.random() / 2));
  }

  #lastUntil(unixMs: number): void {
    clearTimeout(this.#expiry);
    if (this.#connection.closing) return;
    const leftMs = unixMs - Date.now();
    this.#expiry = setTimeout(
      () => (leftMs > TIMER_MS_MAX ? this.#lastUntil(unixMs) : this.#end()),
      Math.min(Math.max(0, leftMs), TIMER_MS_MAX),
    );
  }

  #end(): void {
    if (this.#renewal === undefined) this.#connection.close('TOKEN_EXPIRED');
    else this.#connection.close('ISSUER_UNAVAILABLE', 'the token ran out before its successor could be verified');
  }
}
