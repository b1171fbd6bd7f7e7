// The secret of development mode: made once, kept in the data directory, readable only by its
// owner. Never used when the operator has given a key.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFile, makeDirectory, syncDirectory } from '../kernel/durable-file.ts';
import { HayateError } from '../kernel/error.ts';

/** Length of a secret in bytes. HS256 requires at least 32 (RFC 7518 section 3.2). */
const SECRET_BYTES = 32;

/**
 * Reads `<dataDirectory>/secret`; makes it (mode 0600) if it is missing. A secret that it has
 * returned stays the same through kills and power cuts. Throws CONFIGURATION if the file holds
 * anything else.
 */
export async function developmentSecret(dataDirectory: string): Promise<Uint8Array> {
  const path = join(dataDirectory, 'secret');
  let text = await readIfThere(path);
  if (text === undefined) {
    await makeDirectory(dataDirectory);
    await createFile(path, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, 0o600);
    text = await readFile(path, 'utf8');
  } else await syncDirectory(dataDirectory); // A process that was killed may have left it unsynced.
  if (!/^[0-9a-f]{64}$/.test(text.trim()))
    throw new HayateError('CONFIGURATION', `${path} does not hold a development secret; remove it to create a new one`);
  return Buffer.from(text.trim(), 'hex');
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
