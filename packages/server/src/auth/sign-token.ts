// Signs the tokens that `hayate token` and development mode issue: HS256 with a shared secret. A
// customer's backend does the same with any JWT library.
import { SignJWT } from 'jose';
import type { Grants } from './grant.ts';

/** The contents of a token. */
interface TokenContent {
  subject: string;
  grants: Grants;
  labels?: Readonly<Record<string, string>>;
  /** Default 3600. */
  ttlSeconds?: number;
  /** Default "hayate". */
  audience?: string;
}

/** Signs a token. Resolves to its text and its expiry (Unix seconds). */
export async function signToken(content: TokenContent, secret: Uint8Array): Promise<{ token: string; expiresAt: number }> {
  const issuedAt = Math.floor(Date.now() / 1000);
  const expiresAt = issuedAt + (content.ttlSeconds ?? 3_600);
  const token = await new SignJWT({ grants: content.grants, labels: content.labels ?? {} })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(content.subject)
    .setAudience(content.audience ?? 'hayate')
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(secret);
  return { token, expiresAt };
}
