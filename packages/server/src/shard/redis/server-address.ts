// Parses `--shards` into server addresses. Passwords appear only in `credentials`: no name, label
// or message made here contains one.
import { hostAndPort, parseAddress } from '../../kernel/address.ts';
import { HayateError } from '../../kernel/error.ts';
import type { ServerAddress } from './dial.ts';

/** The credentials that a server requires. */
export interface Credentials {
  /** Absent: Redis's default user. */
  readonly user?: string;
  readonly password: string;
}

/** One server. */
export interface ShardServer {
  /** `host:port`, the server's name in logs and metrics. */
  readonly name: string;
  readonly address: ServerAddress;
  readonly credentials?: Credentials;
}

/** A DNS name that servers are found by. */
export interface ShardName {
  readonly host: string;
  /** Present: look up the addresses (A, AAAA) of `host`. Absent: look up its services (SRV). */
  readonly port?: number;
  readonly tls: boolean;
  readonly credentials?: Credentials;
}

/** One item of `--shards`. */
export type ShardSource = { readonly server: ShardServer } | { readonly name: ShardName };

/** An address and port that a lookup returned. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const PORT = 6_379;

/**
 * Parses a comma-separated list of `redis://[user:password@]host[:port]`, `rediss://…` (TLS),
 * `dns+redis://name[:port]` and `dns+rediss://…`. Special characters in a password must be
 * percent-encoded. Throws HayateError CONFIGURATION.
 */
export function parseShardSources(text: string): ShardSource[] {
  const items = text.split(',').map((item) => item.trim());
  return items.map((item, index) => parseSource(item, items.length === 1 ? '--shards' : `--shards, server ${index + 1}`));
}

function parseSource(item: string, label: string): ShardSource {
  const refuse = (what: string) => new HayateError('CONFIGURATION', `${label}: ${what}`);
  // URLs do not allow zones (`[fe80::1%eth0]`), so the rest is parsed without the zone.
  const [, bracketed] = /^[a-z+]+:\/\/(?:[^/?#@]*@)?(\[[^\]]*\])/i.exec(item) ?? [];
  const literal = bracketed === undefined ? undefined : parseAddress(bracketed);
  const text = bracketed !== undefined && literal?.includes('%') ? item.replace(bracketed, '[::]') : item;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url === undefined ? undefined : /^(dns\+)?redis(s)?:$/.exec(url.protocol);
  if (url === undefined || !scheme || url.hostname === '')
    throw refuse(
      'must be memory, or redis://host:port, rediss://host:port or dns+redis://name:port, separated by commas; write an IPv6 address in brackets',
    );
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '')
    throw refuse('the address must end with the port: pub/sub has no databases');
  if (url.username !== '' && url.password === '') throw refuse('a user without a password; write redis://user:password@host');
  const host = literal ?? parseAddress(url.hostname) ?? url.hostname;
  const tls = scheme[2] !== undefined;
  const credentials = credentialsOf(url, refuse);
  const port = url.port === '' ? {} : { port: Number(url.port) };
  if (scheme[1] !== undefined) return { name: { host, tls, ...port, ...credentials } };
  return { server: serverAt({ host, port: PORT, ...port }, { host, tls, ...credentials }) };
}

/** The server at `endpoint`, with the TLS name and credentials of the name that was looked up. */
export function serverAt({ host, port }: Endpoint, found: ShardName): ShardServer {
  return {
    name: hostAndPort(host, port),
    address: { host, port, ...(found.tls ? { tlsName: found.host } : {}) },
    ...(found.credentials === undefined ? {} : { credentials: found.credentials }),
  };
}

function credentialsOf(url: URL, refuse: (what: string) => HayateError): { credentials?: Credentials } {
  if (url.password === '') return {};
  try {
    const user = decodeURIComponent(url.username);
    return { credentials: { ...(user === '' ? {} : { user }), password: decodeURIComponent(url.password) } };
  } catch {
    throw refuse('the user or password is not correctly percent-encoded');
  }
}
