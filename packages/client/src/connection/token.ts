// Reads a token's expiry without verifying it: the server verifies, and the client only needs to
// refresh in time.

/**
 * The `exp` claim of a JWT (RFC 7519 section 4.1.4), Unix milliseconds; undefined if it has none or
 * is not a JWT.
 */
export function tokenExpiresUnixMs(token: string): number | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    if (typeof claims !== 'object' || claims === null || !('exp' in claims)) return undefined;
    return typeof claims.exp === 'number' ? claims.exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
