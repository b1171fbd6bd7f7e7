// A connection's right to its stream: checked when it begins, kept while its token lasts, renewed in-band.
import { allows, type Right } from '../auth/grant.ts';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import { HayateError } from '../kernel/error.ts';
import type { Connection } from './connection.ts';

/** setTimeout's own limit. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Rejects with HayateError UNAUTHORIZED or FORBIDDEN unless `token` grants `right` on `stream`. */
export async function admit(verify: VerifyToken, token: string, right: Right, stream: string): Promise<Identity> {
  const identity = await verify(token);
  if (!allows(identity.grants, right, stream))
    throw new HayateError('FORBIDDEN', `the token does not grant ${right} on this stream`, { closeCode: 'FORBIDDEN' });
  return identity;
}

/** Closes the connection with TOKEN_EXPIRED when its newest token runs out. */
export class Admission {
  readonly #connection: Connection;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: Connection, identity: Identity) {
    this.#connection = connection;
    connection.onClose(() => clearTimeout(this.#timer));
    this.renew(identity);
  }

  /** The connection now lasts until this identity's token runs out. */
  renew(identity: Identity): void {
    clearTimeout(this.#timer);
    if (this.#connection.closing) return;
    const left = identity.expiresAtMs - Date.now();
    this.#timer = setTimeout(
      () => (left > TIMER_MS_MAX ? this.renew(identity) : this.#connection.close('TOKEN_EXPIRED')),
      Math.min(Math.max(0, left), TIMER_MS_MAX),
    );
  }
}
