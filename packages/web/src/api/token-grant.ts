// What a token that an embedding application gave says of its grants, read without verifying it: only to show what makes sense.

/** Whether a JWT says that it grants moderation; the server alone decides. */
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
