// Where a verifier's keys come from: a shared secret, a file, an issuer's URL. The verifier asks for keys until one fits; the
// source knows whether there may be newer ones, and says so when it cannot get them.
import type { KeyObject } from 'node:crypto';
import type { KeyHint } from './key-set.ts';

/** Keys at one moment. */
export interface Keys {
  /** Those that may have signed a token with this header. */
  candidates(hint: KeyHint): readonly (KeyObject | Uint8Array)[];
  /** Whether a key has this `kid`. */
  names(kid: string): boolean;
}

/** Tries keys; undefined: none of them fits. */
export type Attempt<T> = (keys: Keys) => Promise<T | undefined>;

/** Gives keys, the newest that are needed. */
export interface KeySource {
  /** Signature algorithms of its keys; a token of any other is refused (RFC 8725 section 3.1). */
  readonly algorithms: readonly string[];
  /**
   * Hands `attempt` the keys at hand, and newer ones for as long as it finds nothing. Resolves to what it found, or to undefined
   * once it has seen keys that are newer than this call. Rejects as `attempt` does, and with HayateError UNREACHABLE (temporary,
   * closed with ISSUER_UNAVAILABLE) if such keys cannot be had now.
   */
  find<T>(attempt: Attempt<T>): Promise<T | undefined>;
  /** Begins to keep the keys up to date. */
  start(): void;
  /** Why no token can be verified yet, for /readyz; undefined: tokens can. */
  unready(): string | undefined;
  /** Looks for newer keys now; resolves when it has them, or has said why not. */
  reload(): Promise<void>;
  /** Ends what `start` began. */
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
