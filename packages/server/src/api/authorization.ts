// Reads the bearer token of an HTTP request. Tokens are taken from the Authorization header alone, never from a URL.
import type { Context } from 'hono';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import { HayateError } from '../kernel/error.ts';

/** The identity behind the request; rejects with HayateError UNAUTHORIZED. */
export function identify(context: Context, verifyToken: VerifyToken): Promise<Identity> {
  const [scheme, token = ''] = (context.req.header('Authorization') ?? '').split(' ', 2);
  if (scheme?.toLowerCase() !== 'bearer') throw new HayateError('UNAUTHORIZED', 'a bearer token is required');
  return verifyToken(token);
}
