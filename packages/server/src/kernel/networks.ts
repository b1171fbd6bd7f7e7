// Sets of networks. In: addresses and networks (CIDR, RFC 4632) as people write them. Out: whether
// an address is in one of them.
import { BlockList, isIP } from 'node:net';
import { parseAddress } from './address.ts';
import { HayateError } from './error.ts';

/**
 * Networks that are not routed on the Internet. Proxies, probes and clients on the local network
 * come from there.
 */
const PRIVATE_NETWORKS = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
];

/** A set of networks. */
export class Networks {
  readonly #list = new BlockList();

  /**
   * `flag` is the option's name in messages. Throws HayateError CONFIGURATION for an entry that is
   * neither an address nor a network (CIDR).
   */
  constructor(flag: string, entries: readonly string[]) {
    for (const entry of entries) {
      const [text = '', bits, ...rest] = entry.split('/');
      const address = parseAddress(text);
      const sizeMax = address === undefined ? 0 : isIP(address) === 4 ? 32 : 128;
      const size = bits === undefined ? sizeMax : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
      if (address === undefined || address.includes('%') || rest.length > 0 || !(size <= sizeMax))
        throw new HayateError(
          'CONFIGURATION',
          `${flag}: "${entry.slice(0, 200)}" is not an address or a network, such as 10.0.0.0/8 or 2001:db8::/32`,
        );
      this.#list.addSubnet(address, size, sizeMax === 32 ? 'ipv4' : 'ipv6');
    }
  }

  /** Whether a canonical address (parseAddress) is in one of them. */
  has(address: string): boolean {
    const [plain = ''] = address.split('%');
    return this.#list.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
  }
}

const privateNetworks = new Networks('', PRIVATE_NETWORKS);

/** Whether a canonical address is in a network that is not routed on the Internet. */
export function isPrivate(address: string): boolean {
  return privateNetworks.has(address);
}
