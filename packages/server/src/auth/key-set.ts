// Reads a JSON Web Key Set (RFC 7517). In: its text. Out: the keys that can verify tokens. A set
// from an issuer often holds other entries: encryption keys, unknown kinds, broken entries. Those
// are skipped and counted, and the usable keys still work.
import { createPublicKey, type KeyObject } from 'node:crypto';

/**
 * Signature algorithms that are accepted from a key set. All are asymmetric, so that a public key
 * cannot be used as a secret.
 */
export const SET_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** Maximum number of entries of one set that are read. */
const ENTRIES_MAX = 1_000;

/** Maximum number of keys that are tried for one token. */
const CANDIDATES_MAX = 100;

/** RFC 7518 section 3.3. */
const RSA_BITS_MIN = 2_048;

/** Why an entry of a set is skipped. */
type PassedOver = 'malformed' | 'kind' | 'purpose' | 'private' | 'weak' | 'too_many';

/** The fields of a token's header that describe its key (RFC 7515 section 4.1). */
export interface KeyHint {
  readonly alg: string;
  readonly kid: string | undefined;
}

interface Entry {
  readonly kid: string | undefined;
  /** The only algorithm that the key is for; undefined: any that fits its kind. */
  readonly alg: string | undefined;
  /** RSA, or the name of the curve. */
  readonly kind: string;
  readonly key: KeyObject;
}

/**
 * The text is not a key set, or has no usable key. The message says which, and repeats no part of
 * the text.
 */
export class KeySetError extends Error {
  override readonly name = 'KeySetError';
  readonly outcome: 'not_json' | 'not_key_set' | 'no_usable_key';
  constructor(outcome: KeySetError['outcome'], message: string) {
    super(message);
    this.outcome = outcome;
  }
}

/** The usable keys of one set. */
export class KeySet {
  readonly #entries: readonly Entry[];
  /** The number of skipped entries, by reason. */
  readonly passedOver: Readonly<Partial<Record<PassedOver, number>>>;

  private constructor(entries: readonly Entry[], passedOver: Readonly<Partial<Record<PassedOver, number>>>) {
    this.#entries = entries;
    this.passedOver = passedOver;
  }

  /**
   * Reads a set from its JSON text. Throws KeySetError, also if no key of the set can verify a
   * token.
   */
  static parse(text: string): KeySet {
    let value: unknown;
    try {
      value = JSON.parse(text.trim());
    } catch {
      throw new KeySetError('not_json', text.trim() === '' ? 'it is empty' : 'it is not JSON');
    }
    const given = isObject(value) ? value.keys : undefined;
    if (!Array.isArray(given)) throw new KeySetError('not_key_set', 'it is not a JSON Web Key Set: it has no list "keys"');
    const entries: Entry[] = [];
    const passedOver: Partial<Record<PassedOver, number>> = {};
    for (const [index, jwk] of given.entries()) {
      const entry = index < ENTRIES_MAX ? readEntry(jwk) : 'too_many';
      if (typeof entry === 'string') passedOver[entry] = (passedOver[entry] ?? 0) + 1;
      else entries.push(entry);
    }
    if (entries.length === 0)
      throw new KeySetError('no_usable_key', `none of its ${given.length} keys can verify a token (${JSON.stringify(passedOver)})`);
    return new KeySet(entries, passedOver);
  }

  /** Number of usable keys. */
  get size(): number {
    return this.#entries.length;
  }

  /** Whether a usable key has this `kid`. */
  names(kid: string): boolean {
    return this.#entries.some((entry) => entry.kid === kid);
  }

  /**
   * The keys that may have signed a token with this header, at most a hundred: all with its `kid`,
   * or all keys if it names none.
   */
  candidates({ alg, kid }: KeyHint): readonly KeyObject[] {
    const kind = kindOf(alg);
    return this.#entries
      .filter((entry) => entry.kind === kind && (entry.alg === undefined || sameAlgorithm(entry.alg, alg)))
      .filter((entry) => kid === undefined || entry.kid === kid)
      .slice(0, CANDIDATES_MAX)
      .map(({ key }) => key);
  }
}

const KINDS: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  EdDSA: 'Ed25519',
  Ed25519: 'Ed25519',
};

/** The kind of key that an algorithm needs: RSA, or a curve. */
function kindOf(alg: string): string {
  return KINDS[alg] ?? 'RSA';
}

/** EdDSA over Ed25519 has two names (RFC 8037, RFC 9864). */
function sameAlgorithm(one: string, other: string): boolean {
  return one === other || (kindOf(one) === 'Ed25519' && kindOf(other) === 'Ed25519');
}

function readEntry(jwk: unknown): Entry | PassedOver {
  if (!isObject(jwk)) return 'malformed';
  // Some issuers write null for members that they do not set.
  const member = (name: string): unknown => jwk[name] ?? undefined;
  const [kty, kid, alg, use, operations] = [member('kty'), member('kid'), member('alg'), member('use'), member('key_ops')];
  if (typeof kty !== 'string' || !isTextOrAbsent(kid) || !isTextOrAbsent(alg)) return 'malformed';
  if (use !== undefined && use !== 'sig') return 'purpose';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'purpose';
  if (kty === 'oct' || member('d') !== undefined) return 'private';
  const kind = kty === 'RSA' ? 'RSA' : member('crv');
  const fits = SET_ALGORITHMS.some((known) => kindOf(known) === kind && (alg === undefined || alg === known));
  if (!['RSA', 'EC', 'OKP'].includes(kty) || typeof kind !== 'string' || !fits) return 'kind';
  const key = importKey(jwk);
  if (key === undefined) return 'malformed';
  if (kind === 'RSA' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN) return 'weak';
  return { kid, alg, kind, key };
}

/** The members that make up a public key (RFC 7518 section 6, RFC 8037 section 2). */
const PUBLIC_MEMBERS: ReadonlySet<string> = new Set(['kty', 'crv', 'x', 'y', 'n', 'e']);

function importKey(jwk: Record<string, unknown>): KeyObject | undefined {
  try {
    const key = Object.fromEntries(Object.entries(jwk).filter(([name]) => PUBLIC_MEMBERS.has(name)));
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
