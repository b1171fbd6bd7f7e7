// Where this process's keys come from. Without any, it is in development mode: loopback only (or --lan), with a secret of
// its own. Anything else refuses to start without a key.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { developmentSecret } from './auth/development-secret.ts';
import { createVerifyToken, type KeySource, type VerifyToken } from './auth/verify-token.ts';
import { HayateError } from './kernel/error.ts';
import type { ServeSettings } from './serve-flags.ts';

/** HS256 and ticket secrets hold at least so many bytes (RFC 7518 section 3.2). */
const SECRET_BYTES_MIN = 32;

/** A code that --lan prints and a phone shows back: 64 bits. */
const PAIRING_BYTES = 8;

export interface Security {
  verifyToken: VerifyToken;
  /** Signs resume tickets. */
  ticketSecret: Uint8Array;
  /** Present in development mode alone. */
  development: { secret: Uint8Array; pairingCode: string | undefined } | undefined;
}

/** Reads the keys that `settings` name; rejects with HayateError CONFIGURATION if they do not suffice. */
export async function openSecurity(settings: ServeSettings): Promise<Security> {
  const { jwtSecret, jwks, jwtAudience, ticketSecret, host, lan, data } = settings;
  if (jwtSecret !== undefined && jwks !== undefined) throw configuration('give --jwt-secret or --jwks, not both');
  if (lan && (jwtSecret !== undefined || jwks !== undefined))
    throw configuration('--lan is for development mode: give no key with it, or --host with one');
  if (jwtSecret === undefined && jwks === undefined) {
    if (!lan && !isLoopback(host))
      throw configuration(`listening on ${host} needs a key: give --jwt-secret or --jwks, or --lan for development on the local network`);
    const secret = await developmentSecret(data);
    const pairingCode = lan ? randomBytes(PAIRING_BYTES).toString('base64url') : undefined;
    return {
      verifyToken: createVerifyToken({ secret }, jwtAudience),
      ticketSecret: checkSecret('--ticket-secret', ticketSecret) ?? secret,
      development: { secret, pairingCode },
    };
  }
  const secret = checkSecret('--jwt-secret', jwtSecret);
  const tickets = checkSecret('--ticket-secret', ticketSecret) ?? secret;
  if (tickets === undefined) throw configuration('--jwks needs --ticket-secret too, for resume tickets');
  const source: KeySource = secret === undefined ? await keySet(jwks ?? '') : { secret };
  return { verifyToken: createVerifyToken(source, jwtAudience), ticketSecret: tickets, development: undefined };
}

async function keySet(jwks: string): Promise<KeySource> {
  if (/^https?:\/\//.test(jwks)) return { jwksUrl: new URL(jwks) };
  try {
    const set = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1) }).parse(JSON.parse(await readFile(jwks, 'utf8')));
    return { jwks: set };
  } catch (cause) {
    throw configuration(`${jwks} cannot be read as a JSON Web Key Set`, cause);
  }
}

function checkSecret(flag: string, text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  if (bytes.length < SECRET_BYTES_MIN) throw configuration(`${flag} holds fewer than ${SECRET_BYTES_MIN} bytes`);
  return bytes;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function configuration(message: string, cause?: unknown): HayateError {
  return new HayateError('CONFIGURATION', message, { cause });
}
