// Tokens of the benchmarks: one secret that every measured server gets, and tokens signed with it.
import { signToken } from '../../packages/server/src/auth/sign-token.ts';

/**
 * HS256 secret, as --jwt-secret takes it. It protects nothing: servers listen on loopback, for
 * minutes.
 */
export const benchSecretText = 'benchmarks-measure-they-do-not-guard';
export const benchSecret: Uint8Array = new TextEncoder().encode(benchSecretText);

/** A token to watch or publish every stream. */
export async function benchToken(right: 'watch' | 'publish'): Promise<string> {
  return (await signToken({ subject: 'bench', grants: { [right]: ['*'] }, ttlSeconds: 36_000 }, benchSecret)).token;
}
