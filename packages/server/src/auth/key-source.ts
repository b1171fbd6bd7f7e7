// The source of a verifier's keys: a shared secret, a file, an issuer's URL. The verifier asks for
// keys until one fits. The source knows whether there may be newer keys, and reports it when it
// cannot get them.
import type { KeyObject } from 'node:crypto';
import type { KeyHint } from './key-set.ts';

/** The keys at one moment. */
export interface Keys {
  /** The keys that may have signed a token with this header. */
  candidates(hint: KeyHint): readonly (KeyObject | Uint8Array)[];
  /** Whether a key has this `kid`. */
  names(kid: string): boolean;
}

/** Tries keys; undefined: none of them fits. */
export type Attempt<T> = (keys: Keys) => Promise<T | undefined>;

/** Provides keys, newer ones if needed. */
export interface KeySource {
  /**
   * Signature algorithms of its keys. Tokens of any other algorithm are refused (RFC 8725 section
   * 3.1).
   */
  readonly algorithms: readonly string[];
  /**
   * Passes `attempt` the known keys, then newer ones while it finds nothing. Resolves to its
   * result, or to undefined once it has seen keys that are newer than this call. Rejects as
   * `attempt` does, or with HayateError UNREACHABLE (temporary, closed with ISSUER_UNAVAILABLE) if
   * newer keys cannot be fetched now.
   */
  find<T>(attempt: Attempt<T>): Promise<T | undefined>;
  /** Starts keeping the keys up to date. */
  start(): void;
  /** Why tokens cannot be verified yet, for /readyz; undefined if they can. */
  unready(): string | undefined;
  /** Checks for newer keys now. Resolves when it has them, or has reported why not. */
  reload(): Promise<void>;
  /** Stops the work that `start` began. */
  close(): void;
}

/** One shared secret, for HS256. It does not change while the process runs. */
export function secretKeys(secret: Uint8Array): KeySource {
  const keys: Keys = { candidates: () => [secret], names: () => true };
  return {
    algorithms: ['HS256'],
    find: (attempt) => attempt(keys),
    start: () => undefined,
    unready: () => undefined,
    reload: () => Promise.resolve(),
    close: () => undefined,
  };
}
