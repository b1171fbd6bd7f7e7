// Resolves names to endpoints by DNS: A and AAAA for a known port, SRV without one. Uses the
// system's resolver, which also reads its search list and hosts file, or a given DNS server.
import { promises as dns, type LookupAddress, NODATA, NOTFOUND } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { hostAndPort, isLinkLocal, isLocalhostName, parseAddress } from '../../kernel/address.ts';
import { HayateError } from '../../kernel/error.ts';
import type { LookUp } from './discovery.ts';
import type { Endpoint } from './server-address.ts';

const TIMEOUT_MS = 1_000;

/**
 * Looks names up with the system's resolver, or with `dnsServer` (`address:port`). The search list
 * never applies to SRV names. Throws HayateError CONFIGURATION if `dnsServer` is not an address.
 */
export function dnsLookUp(dnsServer?: string): LookUp {
  const resolver = new dns.Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  if (dnsServer !== undefined) resolver.setServers(dnsServersOf(dnsServer));

  const addressesOf = async (host: string): Promise<string[]> => {
    if (dnsServer === undefined) return (await lookup(host, { all: true })).map(({ address }: LookupAddress) => address);
    const [v4, v6] = await Promise.all([answered(resolver.resolve4(host)), answered(resolver.resolve6(host))]);
    return [...v4, ...v6];
  };
  return async ({ host, port }) => {
    if (port !== undefined) return (await addressesOf(host)).map((address) => ({ host: address, port }));
    const services = await resolver.resolveSrv(host);
    const found = await Promise.all(
      services.map(
        async ({ name, port: servicePort }): Promise<Endpoint[]> =>
          (await addressesOf(name)).map((address) => ({ host: address, port: servicePort })),
      ),
    );
    return found.flat();
  };
}

/**
 * Converts `--dns-server` to the form that Node's resolver takes: an address in any spelling, with
 * or without a port. `localhost` becomes both loopback addresses, as no resolver is known yet that
 * could look it up.
 */
function dnsServersOf(text: string): string[] {
  const [, written = text, digits = '53'] = parseAddress(text) === undefined ? (/^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(text) ?? []) : [];
  const address = parseAddress(written);
  const addresses = isLocalhostName(written) ? ['127.0.0.1', '::1'] : address === undefined ? [] : [address];
  const port = Number(digits);
  if (addresses.length === 0 || port < 1 || port > 65_535 || addresses.some(isLinkLocal))
    throw new HayateError(
      'CONFIGURATION',
      `--dns-server must be an address and port, such as 10.0.0.10:53 or [fd00::10]:53, and not link-local (fe80::); not "${text}"`,
    );
  return addresses.map((one) => hostAndPort(one, port));
}

/** "No such record" counts as an answer: a host often has addresses of only one kind. */
async function answered(question: Promise<string[]>): Promise<string[]> {
  try {
    return await question;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === NODATA || code === NOTFOUND) return [];
    throw error;
  }
}
