// Determines the keys of this process. Without any key it is in development mode: loopback only (or
// --lan), with a secret of its own. In every other case it refuses to start without a key.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { developmentSecret } from './auth/development-secret.ts';
import { FileKeySet } from './auth/file-key-set.ts';
import { KeySetError } from './auth/key-set.ts';
import { type KeySource, secretKeys } from './auth/key-source.ts';
import { RemoteKeySet } from './auth/remote-key-set.ts';
import { createVerifyToken, type VerifyToken } from './auth/verify-token.ts';
import { isLoopback } from './kernel/address.ts';
import type { Context } from './kernel/context.ts';
import { HayateError } from './kernel/error.ts';
import type { ServeSettings } from './serve-flags.ts';

/** Minimum length in bytes of HS256 and ticket secrets (RFC 7518 section 3.2). */
const SECRET_BYTES_MIN = 32;

/**
 * Length of the pairing code, which is printed at the start and which a browser sends back: 64
 * bits.
 */
const PAIRING_BYTES = 8;

export interface Security {
  verifyToken: VerifyToken;
  /** The keys that `verifyToken` uses. `start` starts keeping them up to date, `close` stops it. */
  keys: KeySource;
  /** The secret that signs resume tickets. */
  ticketSecret: Uint8Array;
  /** Only in development mode. */
  development: { secret: Uint8Array; pairingCode: string | undefined } | undefined;
}

/**
 * Reads the keys that `settings` name; the host in `settings` is an address. Rejects with
 * HayateError CONFIGURATION if the keys do not suffice. A URL is fetched only after `keys.start`,
 * so that a server starts even if an issuer does not answer.
 */
export async function openSecurity(settings: ServeSettings, context: Context): Promise<Security> {
  const { jwtSecret, jwks, jwtAudience, ticketSecret, host, lan, data, workers } = settings;
  if (jwtSecret !== undefined && jwks !== undefined) throw configuration('give --jwt-secret or --jwks, not both');
  if (lan && (jwtSecret !== undefined || jwks !== undefined))
    throw configuration('--lan is for development mode: give it without a key, or use --host with a key');
  if (jwtSecret === undefined && jwks === undefined) {
    if (!lan && !isLoopback(host))
      throw configuration(`listening on ${host} needs a key: give --jwt-secret or --jwks, or --lan for development on the local network`);
    const secret = await developmentSecret(data);
    // Each worker would have a different code.
    const pairingCode = workers > 1 ? undefined : randomBytes(PAIRING_BYTES).toString('base64url');
    const keys = secretKeys(secret);
    return {
      keys,
      verifyToken: createVerifyToken(keys, jwtAudience),
      ticketSecret: checkSecret('--ticket-secret', ticketSecret) ?? secret,
      development: { secret, pairingCode },
    };
  }
  const secret = checkSecret('--jwt-secret', jwtSecret);
  const tickets = checkSecret('--ticket-secret', ticketSecret) ?? secret;
  if (tickets === undefined) throw configuration('--jwks also needs --ticket-secret, for resume tickets');
  const keys = secret === undefined ? await keySet(jwks ?? '', settings, context) : secretKeys(secret);
  return { keys, verifyToken: createVerifyToken(keys, jwtAudience), ticketSecret: tickets, development: undefined };
}

async function keySet(jwks: string, settings: ServeSettings, context: Context): Promise<KeySource> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(jwks)?.[1]?.toLowerCase();
  if (scheme === undefined) return keyFile(jwks, context);
  // A URL may hold a password, so messages never repeat it.
  if (!URL.canParse(jwks)) throw configuration('--jwks is not a valid URL');
  const url = new URL(jwks);
  if (scheme === 'file') return keyFile(fileURLToPath(url), context);
  if (scheme !== 'http' && scheme !== 'https') throw configuration('--jwks must be an http:// or https:// URL, or a file');
  const { jwksRefreshMs, jwksTimeoutMs, jwksFetchesPerMinute } = settings;
  const options = { url, refreshMs: jwksRefreshMs, timeoutMs: jwksTimeoutMs, fetchesPerMinute: jwksFetchesPerMinute };
  return new RemoteKeySet(options, context);
}

async function keyFile(path: string, context: Context): Promise<KeySource> {
  try {
    return await FileKeySet.open(path, context);
  } catch (cause) {
    const why = cause instanceof KeySetError || cause instanceof HayateError ? `: ${cause.message}` : '';
    throw configuration(`${path} cannot be read as a JSON Web Key Set${why}`, cause);
  }
}

function checkSecret(flag: string, text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  if (bytes.length < SECRET_BYTES_MIN) throw configuration(`${flag} holds fewer than ${SECRET_BYTES_MIN} bytes`);
  return bytes;
}

function configuration(message: string, cause?: unknown): HayateError {
  return new HayateError('CONFIGURATION', message, { cause });
}
