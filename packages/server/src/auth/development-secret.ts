// The secret of development mode: made once, kept in the data directory, readable only by its
// owner. Never used when the operator has given a key.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HayateError } from '../kernel/error.ts';

/** Length of a secret in bytes. HS256 requires at least 32 (RFC 7518 section 3.2). */
const SECRET_BYTES = 32;

/** Reads `<dataDirectory>/secret`; makes it (mode 0600) if it is missing. */
export async function developmentSecret(dataDirectory: string): Promise<Uint8Array> {
  const path = join(dataDirectory, 'secret');
  await mkdir(dataDirectory, { recursive: true });
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(SECRET_BYTES).toString('hex')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const text = (await readFile(path, 'utf8')).trim();
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new HayateError('CONFIGURATION', `${path} does not hold a development secret; remove it to create a new one`);
  return Buffer.from(text, 'hex');
}
