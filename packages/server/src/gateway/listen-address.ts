// Decides where a port is opened, and how people reach it. In: --host as it was written, and the
// answers of this machine's resolver. Out: one address, which is both checked (loopback or not) and
// bound, and a URL that opens the port.
import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import { hostAndPort, isLinkLocal, isLocalhostName, isLoopback, isUnspecified, parseAddress, urlHost } from '../kernel/address.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { HayateError } from '../kernel/error.ts';

/** A resolver that does not answer delays the start by at most this long. */
const LOOKUP_MS_MAX = 5_000;

/** The address to listen on. */
export interface ListenAddress {
  /** The IP address to bind, as parseAddress spells it. */
  readonly address: string;
  /** The name that was resolved; undefined if an address was given. */
  readonly name: string | undefined;
}

/**
 * Reads the value of `flag` (`--host`): an address in any spelling, or a name, which is resolved
 * once. Of a name's addresses, the first that belongs to this machine is taken. Rejects with
 * HayateError CONFIGURATION for anything else.
 */
export async function resolveListenAddress(flag: '--host' | '--internal-host', host: string): Promise<ListenAddress> {
  const refuse = (what: string) => new HayateError('CONFIGURATION', `${flag} ${what}`);
  const literal = parseAddress(host);
  if (literal !== undefined) {
    if (isLinkLocal(literal) && !literal.includes('%'))
      throw refuse(`${host} is a link-local address: add its interface, such as ${literal}%eth0`);
    return { address: literal, name: undefined };
  }
  const [, bare, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(host) ?? [];
  if (bare !== undefined) throw refuse(`takes an address without a port: ${flag} ${bare} ${flag.replace('host', 'port')} ${port}`);
  if (!/^[^\s:/?#@[\]%]+$/.test(host)) throw refuse(`must be an address or a name, such as 127.0.0.1, ::1 or localhost, not "${host}"`);
  const addresses = await addressesOf(host);
  if (addresses.length > 0) return { address: await firstOfThisMachine(addresses), name: host };
  // localhost is loopback even if the resolver does not know the name.
  if (isLocalhostName(host)) return { address: await firstOfThisMachine(['127.0.0.1', '::1']), name: undefined };
  throw refuse(`${host}: the name has no address`);
}

/**
 * The address that all networks reach: :: where there is IPv6 (it accepts IPv4 too), otherwise
 * 0.0.0.0.
 */
export function everyAddress(): Promise<string> {
  return firstOfThisMachine(['::', '0.0.0.0']);
}

/**
 * The URL that opens a listening port. `keepsName`: under the name that was given. Otherwise it
 * uses `localhost` if the resolver gives it an address that the port listens on, or else the
 * address.
 */
export async function openableUrl(
  scheme: 'http' | 'https',
  { address, name }: ListenAddress,
  { port, keepsName }: { port: number; keepsName: boolean },
): Promise<string> {
  if (name !== undefined && keepsName) return `${scheme}://${name}:${port}`;
  const isEvery = isUnspecified(address);
  if (!isEvery && !isLoopback(address)) return `${scheme}://${urlHost(address)}:${port}`;
  const own = address === '::' ? ['::1', '127.0.0.1'] : [isEvery ? '127.0.0.1' : address];
  const local = await addressesOf('localhost');
  const host = local.some((one) => own.includes(one)) ? 'localhost' : urlHost(own[0] ?? address);
  return `${scheme}://${host}:${port}`;
}

/**
 * All addresses of a name, in the order of the system's resolver. Empty if there are none, or if
 * the resolver does not answer.
 */
export async function addressesOf(name: string, clock: Clock = systemClock): Promise<string[]> {
  const { promise: late, resolve } = Promise.withResolvers<[]>();
  const cancelTimer = clock.after(LOOKUP_MS_MAX, () => resolve([]));
  try {
    const found = await Promise.race([lookup(name, { all: true, order: 'verbatim' }).catch(() => []), late]);
    return [...new Set(found.map(({ address }) => parseAddress(address) ?? address))];
  } finally {
    cancelTimer();
  }
}

/**
 * The first of `addresses` that a socket can be bound to. If none can, the first of all, so that
 * listening there reports why.
 */
async function firstOfThisMachine(addresses: readonly string[]): Promise<string> {
  for (const address of addresses) if (await canBind(address)) return address;
  return addresses[0] ?? '127.0.0.1';
}

async function canBind(address: string): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once('error', () => resolve(false));
  server.listen(0, address, () => server.close(() => resolve(true)));
  return promise;
}

/** The error for a failure to listen on `host` and `port`, other than a port that is taken. */
export function listenFailure(host: string, port: number, cause: Error): HayateError {
  return new HayateError('CONFIGURATION', `cannot listen on ${hostAndPort(host, port)}: ${cause.message}`, { cause });
}
