// Reads the bearer token of an HTTP request. Only the Authorization header may hold the token,
// never a URL.
import type { Context } from 'hono';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import { HayateError } from '../kernel/error.ts';

/**
 * RFC 6750 section 2.1, with the white space that lenient clients write (RFC 9110 section 5.6.3).
 */
const BEARER = /^bearer(?:\s+(.*))?$/is;

/**
 * The identity of the request's bearer. Rejects with HayateError UNAUTHORIZED, or as `verifyToken`
 * does.
 */
export async function identify(context: Context, verifyToken: VerifyToken): Promise<Identity> {
  const header = context.req.header('Authorization')?.trim() ?? '';
  if (header === '') throw new HayateError('UNAUTHORIZED', 'a bearer token is required');
  const bearer = BEARER.exec(header);
  if (bearer === null) throw new HayateError('UNAUTHORIZED', 'the Authorization header must be: Bearer, a space, and the token');
  return verifyToken(bearer[1] ?? '');
}
