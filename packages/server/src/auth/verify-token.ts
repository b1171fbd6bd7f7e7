// JWTs in, identities out. The algorithm is pinned by where the key comes from: HS256 for a secret, the key's own `alg`
// for a JWKS. A token's text never appears in an error or a log.
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { HayateError } from '../kernel/error.ts';
import { type Grants, isStreamPattern } from './grant.ts';

/** Who a token speaks for, and until when. */
export interface Identity {
  readonly subject: string;
  readonly grants: Grants;
  /** Written with every frame this identity broadcasts. */
  readonly labels: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
}

/** Where keys come from: exactly one of these. */
export type KeySource = { secret: Uint8Array } | { jwks: { keys: readonly Record<string, unknown>[] } } | { jwksUrl: URL };

/** Resolves to the identity, or rejects with HayateError UNAUTHORIZED. */
export type VerifyToken = (token: string) => Promise<Identity>;

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const patterns = z.array(z.string().refine(isStreamPattern)).max(1_000).readonly();
const Claims = z.object({
  sub: z.string().min(1).max(256),
  exp: z.number(),
  grants: z.object({ publish: patterns.optional(), watch: patterns.optional(), room: patterns.optional(), moderate: patterns.optional() }),
  labels: z.record(z.string().max(64), z.string().max(256)).default({}),
});

/** A verifier of tokens for `audience`, with a few seconds' tolerance for clocks. */
export function createVerifyToken(source: KeySource, audience: string): VerifyToken {
  const verify = verifier(source, audience);
  return async (token) => {
    if (token === '' || token.length > 8_192) throw unauthorized('a token is required');
    let payload: JWTPayload;
    try {
      payload = await verify(token);
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) throw unauthorized('the token has expired');
      if (cause instanceof errors.JWTClaimValidationFailed)
        throw unauthorized(`the token's claim ${JSON.stringify(cause.claim)} is not acceptable`);
      if (cause instanceof errors.JWKSTimeout)
        throw new HayateError('UNREACHABLE', 'the key server did not answer', { cause, closeCode: 'INTERNAL', temporary: true });
      throw unauthorized('the token is not valid');
    }
    const claims = Claims.safeParse(payload);
    if (!claims.success)
      throw unauthorized(`the token's claim ${JSON.stringify(claims.error.issues[0]?.path.join('.') ?? '')} is not acceptable`);
    const { sub, exp, grants, labels } = claims.data;
    const given = Object.fromEntries(Object.entries(grants).filter(([, list]) => list !== undefined)) as Grants;
    return { subject: sub, grants: given, labels, expiresAtMs: exp * 1000 };
  };
}

function verifier(source: KeySource, audience: string): (token: string) => Promise<JWTPayload> {
  const options = { audience, clockTolerance: 5, requiredClaims: ['sub', 'exp'] };
  if ('secret' in source) return async (token) => (await jwtVerify(token, source.secret, { ...options, algorithms: ['HS256'] })).payload;
  const key: JWTVerifyGetKey =
    'jwksUrl' in source
      ? createRemoteJWKSet(source.jwksUrl)
      : createLocalJWKSet({ keys: source.jwks.keys.map((entry) => ({ kty: '', ...entry })) });
  return async (token) => (await jwtVerify(token, key, { ...options, algorithms: ASYMMETRIC })).payload;
}

function unauthorized(message: string): HayateError {
  return new HayateError('UNAUTHORIZED', message, { closeCode: 'UNAUTHORIZED' });
}
