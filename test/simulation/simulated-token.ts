// Tokens of a simulated world: texts that say until when they are valid, and what the verifier does
// with them. The real verifier reads the machine's wall clock, which stands still in such a world.
import type { Identity } from '../../packages/server/src/auth/verify-token.ts';
import { HayateError } from '../../packages/server/src/kernel/error.ts';

/** A token that never expires. */
export const LASTING_TOKEN = 'lasting';
/** A token whose issuer cannot be reached. */
export const UNDECIDED_TOKEN = 'undecided';
/** A token that is refused. */
export const REFUSED_TOKEN = 'refused';

/** A token that expires at `unixMs`. */
export function tokenUntil(unixMs: number): string {
  return `until ${unixMs}`;
}

/** A VerifyToken that grants everything on every stream. */
export async function verifySimulatedToken(token: string): Promise<Identity> {
  const [, until] = /^until (\d+(?:\.\d+)?)$/.exec(token) ?? [];
  if (token === UNDECIDED_TOKEN)
    throw new HayateError('UNREACHABLE', 'the keys cannot be fetched', { closeCode: 'ISSUER_UNAVAILABLE', temporary: true });
  if (token !== LASTING_TOKEN && until === undefined)
    throw new HayateError('UNAUTHORIZED', 'the token is not valid', { closeCode: 'UNAUTHORIZED' });
  const expiresAtMs = until === undefined ? Number.POSITIVE_INFINITY : Number(until);
  return { subject: 'anyone', grants: { publish: ['*'], watch: ['*'] }, labels: {}, expiresAtMs };
}
