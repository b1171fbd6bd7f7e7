// Determines the client address of a request. In: the address of the connection, and the
// X-Forwarded-For that a trusted proxy added. Out: the client's address, or undefined if it is not
// reported. X-Forwarded-For counts only as far as trusted proxies wrote it: from its end back to
// the first address that is not one of theirs. The client may have forged any entry before that.
import { isIP } from 'node:net';
import { parseAddress } from '../kernel/address.ts';
import type { Networks } from '../kernel/networks.ts';

/** Reads an X-Forwarded-For member, which some proxies write with a port. */
function readMember(text: string): string | undefined {
  const [, bare = text] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(text) ?? [];
  return parseAddress(bare);
}

/**
 * The canonical address of the client; undefined if a trusted proxy does not report it. `remote` is
 * the address of the connection, `forwardedFor` the request's X-Forwarded-For.
 */
export function clientAddress(remote: string | undefined, forwardedFor: string | undefined, trusted: Networks): string | undefined {
  const nearest = parseAddress(remote ?? '');
  if (nearest === undefined || !trusted.has(nearest)) return nearest;
  const members = (forwardedFor ?? '').split(',').map((text) => text.trim());
  for (let at = members.length - 1; at >= 0; at--) {
    const address = readMember(members[at] ?? '');
    if (address === undefined || !trusted.has(address)) return address;
  }
  return undefined;
}

/**
 * The key by which addresses are counted: an IPv4 address, or the /64 that an IPv6 client has to
 * itself.
 */
export function addressKey(address: string): string {
  if (isIP(address) === 4) return address;
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const last = (tail ?? '').split(':').filter((group) => group !== '');
  const zeros = tail === undefined ? 0 : 8 - groups.length - last.length;
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...last].slice(0, 4).join(':');
}
