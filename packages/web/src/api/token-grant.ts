// Reads the grants of an embedding application's token without verifying it, only to decide which
// links to show.

/** Whether a JWT claims to grant moderation. The decision is the server's alone. */
export function grantsModerate(jwt: string): boolean {
  try {
    const claims: { grants?: { moderate?: unknown } } = JSON.parse(
      atob((jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')),
    );
    return Array.isArray(claims.grants?.moderate) && claims.grants.moderate.length > 0;
  } catch {
    return false;
  }
}
