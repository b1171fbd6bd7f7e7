// The certificate of --lan: self-signed, for this machine's addresses, kept in the data directory so that a phone that
// has accepted it need not do so again. Browsers give microphones and WebCodecs only to secure pages.
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** Browsers refuse certificates that are valid for longer. */
const VALID_DAYS = 365;
const DAY_MS = 86_400_000;

/** IPv4 addresses of this machine that others on the local network may reach. */
export function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

/** Reads `<dataDirectory>/lan-certificate.pem` and its key, making them if they are missing, expiring or for other addresses. */
export async function lanCertificate(dataDirectory: string, addresses: readonly string[]): Promise<{ key: string; cert: string }> {
  const [certPath, keyPath] = [join(dataDirectory, 'lan-certificate.pem'), join(dataDirectory, 'lan-key.pem')];
  const [cert, key] = await Promise.all([certPath, keyPath].map((path) => readFile(path, 'utf8').catch(() => '')));
  if (cert && key && covers(new X509Certificate(cert), addresses)) return { cert, key };
  const altNames = [{ type: 2 as const, value: 'localhost' }, ...['127.0.0.1', ...addresses].map((ip) => ({ type: 7 as const, ip }))];
  const made = await generate([{ name: 'commonName', value: 'Hayate on this network' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'subjectAltName', altNames },
    ],
  });
  await mkdir(dataDirectory, { recursive: true });
  await writeFile(keyPath, made.private, { mode: 0o600 });
  await writeFile(certPath, made.cert);
  return { cert: made.cert, key: made.private };
}

function covers(certificate: X509Certificate, addresses: readonly string[]): boolean {
  return (
    certificate.validToDate.getTime() > Date.now() + DAY_MS && addresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}
