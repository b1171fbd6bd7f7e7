// Gives client commands a server's address and a token, typed or fetched. The token is requested
// again whenever the SDK needs one, so that a long broadcast continues after its first token
// expires and after server restarts.
import type { TokenSource } from '@hayate/client';
import { Limits } from '@hayate/protocol';
import { z } from 'zod';
import type { Grants } from '../auth/grant.ts';
import { addressesOf } from '../gateway/listen-address.ts';
import { isLocalhostName, isLoopback, parseAddress } from '../kernel/address.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { systemWords } from './failure.ts';

const ANSWER_TIMEOUT_MS = 10_000;
const Answer = z.object({ token: z.string().optional(), error: z.object({ message: z.string() }).optional() });

/** The options of every client command. */
export const serverFlags = defineFlags({
  server: {
    kind: 'string',
    default: 'http://localhost:8080',
    placeholder: 'URL',
    group: 'Server',
    help: "the server's address; http:// may be omitted for this machine",
  },
  token: {
    kind: 'string',
    secret: true,
    placeholder: 'JWT',
    group: 'Server',
    help: 'a token; default: a new one from a server in development mode',
  },
});

/** Access to a server. */
interface ServerAccess {
  /** The server's address, for the SDK. */
  readonly server: string;
  readonly token: TokenSource;
}

/**
 * Returns the addresses to try for `--server`: http or https, without a trailing slash. Throws
 * HayateError CONFIGURATION.
 */
async function candidatesOf(server: string): Promise<string[]> {
  const url = readServer(server);
  const base = (host: string) => `${url.protocol.replace('ws', 'http')}//${host}${url.pathname.replace(/\/+$/, '')}`;
  // A localhost that the resolver does not know is still loopback (RFC 6761 section 6.3).
  if (!isLocalhostName(url.hostname) || (await addressesOf(url.hostname)).length > 0) return [base(url.host)];
  return ['127.0.0.1', '[::1]'].map((address) => base(url.port === '' ? address : `${address}:${url.port}`));
}

/**
 * Reads --server. An address without a scheme means http on this machine (`localhost:8080`,
 * `[::1]:8080`, `::1`). For any other host it is refused: a forgotten scheme must not send a token
 * in the clear.
 */
function readServer(server: string): URL {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(server);
  const isBareIpv6 = !server.startsWith('[') && parseAddress(server)?.includes(':') === true;
  const text = hasScheme ? server : `http://${isBareIpv6 ? `[${server}]` : server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol))
    throw new HayateError('CONFIGURATION', `--server must be an address such as http://localhost:8080, not "${server}"${hint(text)}`);
  if (!hasScheme && !isLocalhostName(url.hostname) && !isLoopback(url.hostname))
    throw new HayateError('CONFIGURATION', `--server must say how to reach ${url.host}: https://${url.host} or http://${url.host}`);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new HayateError('CONFIGURATION', '--server must have neither credentials nor a query; give a token with --token-file');
  return url;
}

function hint(text: string): string {
  const [, host = ''] = /^[^:]+:\/\/([^/]*)/.exec(text) ?? [];
  if (host.includes('%')) return ': a URL cannot hold a zone (%), so use another address of the server';
  return /^[\da-f.]*:[\da-f.]*:/i.test(host) ? ': an IPv6 address needs brackets, as in http://[::1]:8080' : '';
}

/**
 * Checks that a server answers. The token is the given one, or a function that asks the server's
 * development mode for `grants`. Rejects with HayateError CONFIGURATION, UNREACHABLE or
 * UNAUTHORIZED, in one sentence.
 */
export async function reachServer(given: string, token: string | undefined, grants: Grants): Promise<ServerAccess> {
  let failure: unknown;
  for (const server of await candidatesOf(given)) {
    try {
      return { server, token: await openToken(server, token, grants) };
    } catch (error) {
      if (!(error instanceof HayateError) || error.code !== 'UNREACHABLE') throw error;
      failure ??= error;
    }
  }
  throw failure;
}

async function openToken(server: string, token: string | undefined, grants: Grants): Promise<TokenSource> {
  if (token !== undefined) {
    // Editors and shells leave white space around a token.
    const bare = token.trim();
    if (bare === '') throw new HayateError('CONFIGURATION', 'the token given is empty');
    if (bare.length > Limits.tokenCharactersMax)
      throw new HayateError(
        'CONFIGURATION',
        `the token given is ${bare.length} characters long, at most ${Limits.tokenCharactersMax} are accepted`,
      );
    await ask(server, '/', { method: 'HEAD' });
    return bare;
  }
  let first: string | undefined = await developmentToken(server, grants);
  return async () => {
    const next = first ?? (await developmentToken(server, grants));
    first = undefined;
    return next;
  };
}

async function developmentToken(server: string, grants: Grants): Promise<string> {
  const headers = { 'Content-Type': 'application/json' };
  const request: RequestInit = { method: 'POST', headers, body: JSON.stringify({ grants, subject: 'hayate-cli' }), redirect: 'manual' };
  const response = await followToDoor(server, await ask(server, '/dev/token', request), request);
  const answer = Answer.safeParse(await response.json().catch(() => undefined)).data ?? {};
  if (response.ok && answer.token !== undefined) return answer.token;
  const why = answer.error === undefined ? `HTTP ${response.status}` : answer.error.message;
  throw new HayateError('UNAUTHORIZED', `${server} gives no tokens (${why}); give one with --token or --token-file`);
}

/** Development mode gives tokens on a second port, which only the server's own machine reaches. */
async function followToDoor(server: string, response: Response, request: RequestInit): Promise<Response> {
  const door = response.status === 307 ? response.headers.get('Location') : null;
  if (door === null) return response;
  try {
    return await fetch(door, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (cause) {
    throw new HayateError('UNAUTHORIZED', `${server} gives tokens only on its own machine; give one with --token or --token-file`, {
      cause,
    });
  }
}

async function ask(server: string, path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(`${server}${path}`, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (cause) {
    const words = cause instanceof Error && cause.name === 'TimeoutError' ? 'timed out' : systemWords(cause);
    throw new HayateError('UNREACHABLE', `no Hayate server at ${server} (${words ?? 'no connection'})`, { cause, temporary: true });
  }
}
