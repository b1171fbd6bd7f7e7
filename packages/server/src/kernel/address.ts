// Hosts as people write them. In: an IP address in any spelling, or a name. Out: one canonical
// text, and the kind of the address. The address itself decides the kind, never its spelling:
// `[0:0:0:0:0:0:0:1]` and `::ffff:127.0.0.1` are loopback. Names have no kind; listen-address.ts
// resolves them.
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const linkLocal = new BlockList();
linkLocal.addSubnet('fe80::', 10, 'ipv6');

/** An IPv4-mapped address (RFC 4291 section 2.5.5.2), as URLs spell it. */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The canonical spelling of an IP address (RFC 5952), with its zone (`fe80::1%eth0`) if it has one;
 * undefined for anything else. Brackets are removed, and within them the `%25` that URLs put before
 * a zone is read as `%`. An IPv4-mapped address becomes the IPv4 address.
 */
export function parseAddress(text: string): string | undefined {
  const [, bracketed] = /^\[(.*)\]$/.exec(text) ?? [];
  const [, plain = '', zone] = /^([^%]*)(?:%([\w.-]+))?$/.exec(bracketed?.replace('%25', '%') ?? text) ?? [];
  const family = isIP(plain);
  if (family === 4) return bracketed === undefined && zone === undefined ? plain : undefined;
  if (family !== 6) return undefined;
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(canonical) ?? [];
  if (high !== undefined && low !== undefined)
    return [high, low].flatMap((half) => [Number.parseInt(half, 16) >> 8, Number.parseInt(half, 16) & 0xff]).join('.');
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

/**
 * Whether `text` is an address that reaches only this machine: 127.0.0.0/8, ::1, or one of these
 * IPv4-mapped. False for names.
 */
export function isLoopback(text: string): boolean {
  return isIn(loopback, text);
}

/**
 * Whether `text` is a link-local IPv6 address (fe80::/10), which means nothing without its zone.
 */
export function isLinkLocal(text: string): boolean {
  return isIn(linkLocal, text);
}

/** Whether `text` stands for all addresses of a machine: 0.0.0.0 or ::. */
export function isUnspecified(text: string): boolean {
  const address = parseAddress(text);
  return address === '0.0.0.0' || address === '::';
}

/**
 * Whether a name always means this machine: `localhost` or a name below it (RFC 6761 section 6.3).
 */
export function isLocalhostName(name: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(name);
}

/** `host:port` with an IPv6 address in brackets, for messages. */
export function hostAndPort(host: string, port: number | string): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** A host as URLs write it: IPv6 in brackets, the `%` of a zone escaped (RFC 6874). */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host.replace('%', '%25')}]` : host;
}

function isIn(list: BlockList, text: string): boolean {
  const [address] = parseAddress(text)?.split('%') ?? [];
  return address !== undefined && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}
