// Verifies tokens. In: JWTs. Out: identities. The source of the keys fixes the algorithms: HS256
// for a secret, asymmetric ones for a key set. The text of a token, and any value in it, never
// appears in an error or a log. A token is refused for good only if it is wrong for any key, or if
// its key is not among the newest keys. If that cannot be decided now, the error is temporary.
import type { KeyObject } from 'node:crypto';
import { Limits } from '@hayate/protocol';
import { compactVerify, decodeProtectedHeader, errors, type JWTClaimVerificationOptions, type JWTPayload, UnsecuredJWT } from 'jose';
import { z } from 'zod';
import { HayateError } from '../kernel/error.ts';
import { type Grants, isStreamPattern } from './grant.ts';
import { IdentityLimits } from './identity-limits.ts';
import type { KeyHint } from './key-set.ts';
import type { KeySource, Keys } from './key-source.ts';

/** The bearer that a token identifies, and the token's expiry. */
export interface Identity {
  readonly subject: string;
  readonly grants: Grants;
  /** Labels that are written with every frame that this identity broadcasts. */
  readonly labels: Readonly<Record<string, string>>;
  /** Expiry, in Unix milliseconds. */
  readonly expiresAtMs: number;
}

/**
 * Resolves to the identity. Rejects with HayateError UNAUTHORIZED, or UNREACHABLE (temporary) if
 * that cannot be decided now.
 */
export type VerifyToken = (token: string) => Promise<Identity>;

/** Seconds by which clocks may differ. */
const CLOCK_TOLERANCE = 5;

const patterns = z.array(z.string().refine(isStreamPattern)).max(1_000).readonly();
const Claims = z.object({
  sub: z.string().min(1).max(IdentityLimits.subjectCharactersMax),
  exp: z.number(),
  grants: z.object({ publish: patterns.optional(), watch: patterns.optional(), room: patterns.optional(), moderate: patterns.optional() }),
  labels: z.record(z.string().max(IdentityLimits.labelNameCharactersMax), z.string().max(IdentityLimits.labelCharactersMax)).default({}),
});

/** A verifier of tokens for `audience`, with a few seconds of clock tolerance. */
export function createVerifyToken(source: KeySource, audience: string): VerifyToken {
  const options = { audience, clockTolerance: CLOCK_TOLERANCE, requiredClaims: ['sub', 'exp'] };
  return async (given) => {
    const token = given.trim();
    if (token === '') throw unauthorized('a token is required');
    if (token.length > Limits.tokenCharactersMax)
      throw unauthorized(`the token is ${token.length} characters long; at most ${Limits.tokenCharactersMax} are accepted`);
    const hint = readHeader(token, source.algorithms);
    // A token that is wrong for any key is refused without one, above all without fetching keys.
    const identity = identityOf(checkClaims(token, options));
    await checkSignature(token, hint, source);
    return identity;
  };
}

/** Rejects unless one of the source's keys has signed the token. */
async function checkSignature(token: string, hint: KeyHint, source: KeySource): Promise<void> {
  let tried = 0;
  let isNamed = false;
  const attempt = async (keys: Keys): Promise<true | undefined> => {
    const candidates = keys.candidates(hint);
    tried = candidates.length;
    isNamed = hint.kid !== undefined && keys.names(hint.kid);
    for (const key of candidates) if (await isSignedBy(token, key, source.algorithms)) return true;
    return undefined;
  };
  try {
    if (await source.find(attempt)) return;
  } catch (error) {
    // The token's key is known and did not sign it, so newer keys would not change the answer.
    if (!(isNamed && error instanceof HayateError && error.temporary)) throw error;
  }
  throw unauthorized(tried > 0 ? "the token's signature is not valid" : "the token's key is not in the key set");
}

async function isSignedBy(token: string, key: KeyObject | Uint8Array, algorithms: readonly string[]): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [...algorithms] });
    return true;
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return false;
    if (error instanceof errors.JOSEError) throw malformed();
    // The key cannot be used with this algorithm, for example because the system's policy refuses
    // it.
    return false;
  }
}

function readHeader(token: string, algorithms: readonly string[]): KeyHint {
  let header: { alg?: unknown; kid?: unknown; b64?: unknown };
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw malformed();
  }
  const { alg, kid, b64 = true } = header;
  // An unencoded payload is not a JWT (RFC 7797 section 7): the signed bytes would differ from
  // those that are read.
  if (token.split('.').length !== 3 || typeof alg !== 'string' || b64 !== true) throw malformed();
  if (!algorithms.includes(alg)) throw unauthorized(`the token's algorithm is not accepted here: it must be ${algorithms.join(', ')}`);
  if (kid !== undefined && kid !== null && typeof kid !== 'string') throw malformed();
  return { alg, kid: kid ?? undefined };
}

/** The claims, if they are valid for this audience at this time. Does not check who signed them. */
function checkClaims(token: string, options: JWTClaimVerificationOptions): JWTPayload {
  const [, payload = ''] = token.split('.');
  try {
    return UnsecuredJWT.decode(`${UNSIGNED}.${payload}.`, options).payload;
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw unauthorized('the token has expired');
    if (!(cause instanceof errors.JWTClaimValidationFailed)) throw malformed();
    if (cause.reason === 'missing') throw unauthorized(`the token lacks the claim "${cause.claim}"`);
    if (cause.claim === 'nbf' && cause.reason === 'check_failed') throw unauthorized('the token is not valid yet');
    if (cause.claim === 'aud') throw unauthorized(`the token is for another audience: its aud must be "${options.audience}"`);
    throw unacceptable(cause.claim);
  }
}

/** The header of an unsigned token, so that the library checks only the claims. */
const UNSIGNED = Buffer.from('{"alg":"none"}').toString('base64url');

function identityOf(payload: JWTPayload): Identity {
  const claims = Claims.safeParse(payload);
  if (!claims.success) {
    const [claim, right] = claims.error.issues[0]?.path ?? [];
    // Names within `labels` come from the token, so they are not repeated.
    throw unacceptable(claim === 'grants' && right !== undefined ? `grants.${String(right)}` : String(claim));
  }
  const { sub, exp, grants, labels } = claims.data;
  const given = Object.fromEntries(Object.entries(grants).filter(([, list]) => list !== undefined)) as Grants;
  return { subject: sub, grants: given, labels, expiresAtMs: exp * 1000 };
}

function unacceptable(claim: string): HayateError {
  return unauthorized(`the token's claim "${claim}" is invalid`);
}

function malformed(): HayateError {
  return unauthorized('the token is not a signed JSON Web Token');
}

function unauthorized(message: string): HayateError {
  return new HayateError('UNAUTHORIZED', message, { closeCode: 'UNAUTHORIZED' });
}
