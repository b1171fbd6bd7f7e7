// The certificate of --lan: self-signed, for this machine's addresses. It is kept in the data
// directory, so that a phone accepts it only once. Browsers allow microphones and WebCodecs only on
// secure pages.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { isLinkLocal, parseAddress } from '../kernel/address.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { makeDirectory, replaceFile, syncDirectory } from '../kernel/durable-file.ts';

/** Browsers refuse certificates that are valid for longer. */
const VALID_DAYS = 365;
const DAY_MS = 86_400_000;

/** Loopback addresses, which every certificate includes. */
const LOCAL_ADDRESSES = ['127.0.0.1', '::1'];

/**
 * Addresses of `interfaces` that other devices on the local network may reach: IPv4, or IPv6 where
 * there is no IPv4. Link-local IPv6 addresses are left out, as browsers cannot open them. IPv6
 * addresses are also left out where there is IPv4, since they change daily: the certificate would
 * change with them, and every phone would have to accept it again.
 */
export function lanAddresses(interfaces: Readonly<NodeJS.Dict<NetworkInterfaceInfo[]>> = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const reachable = all.filter(({ internal, address }) => !internal && !isLinkLocal(address));
  const v4 = reachable.filter(({ family }) => family === 'IPv4');
  return (v4.length > 0 ? v4 : reachable).map(({ address }) => parseAddress(address) ?? address);
}

/**
 * Reads `<dataDirectory>/lan-certificate.pem` and its key. Makes them if they are missing, about to
 * expire, for other addresses, or not a pair: a crash may come between the two files.
 */
export async function lanCertificate(
  dataDirectory: string,
  addresses: readonly string[],
  clock: Clock = systemClock,
): Promise<{ key: string; cert: string }> {
  const [certPath, keyPath] = [join(dataDirectory, 'lan-certificate.pem'), join(dataDirectory, 'lan-key.pem')];
  const [cert, key] = await Promise.all([certPath, keyPath].map((path) => readFile(path, 'utf8').catch(() => '')));
  if (cert && key && isUsable(cert, key, addresses, clock.nowWallMs())) {
    // A process that was killed may have left the names unsynced.
    await syncDirectory(dataDirectory);
    return { cert, key };
  }
  const altNames = [
    { type: 2 as const, value: 'localhost' },
    ...[...LOCAL_ADDRESSES, ...addresses].map((ip) => ({ type: 7 as const, ip })),
  ];
  const made = await generate([{ name: 'commonName', value: 'Hayate on this network' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notAfterDate: new Date(clock.nowWallMs() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'subjectAltName', altNames },
    ],
  });
  await makeDirectory(dataDirectory);
  await replaceFile(keyPath, made.private, 0o600);
  await replaceFile(certPath, made.cert);
  return { cert: made.cert, key: made.private };
}

function isUsable(cert: string, key: string, addresses: readonly string[], unixMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkPrivateKey(createPrivateKey(key)) && covers(certificate, addresses, unixMs);
  } catch {
    // Not PEM, as an editor or an interrupted write may leave it.
    return false;
  }
}

function covers(certificate: X509Certificate, addresses: readonly string[], unixMs: number): boolean {
  return (
    certificate.validToDate.getTime() > unixMs + DAY_MS &&
    [...LOCAL_ADDRESSES, ...addresses].every((address) => certificate.checkIP(address) !== undefined)
  );
}
