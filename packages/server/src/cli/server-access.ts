// How client commands reach a server: its address and a token, given or fetched. A token is asked for again whenever the
// SDK needs one, so that a long broadcast outlives its first token and the server's restarts.
import type { TokenSource } from '@hayate/client';
import { Limits } from '@hayate/protocol';
import { z } from 'zod';
import type { Grants } from '../auth/grant.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { systemWords } from './failure.ts';

const ANSWER_TIMEOUT_MS = 10_000;
const Answer = z.object({ token: z.string().optional(), error: z.object({ message: z.string() }).optional() });

/** The options of every client command. */
export const serverFlags = defineFlags({
  server: { kind: 'string', default: 'http://localhost:8080', placeholder: 'URL', group: 'Server', help: "the server's address" },
  token: {
    kind: 'string',
    secret: true,
    placeholder: 'JWT',
    group: 'Server',
    help: 'a token; without it a server in development mode is asked for one',
  },
});

function checkServer(server: string): void {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol))
    throw new HayateError('CONFIGURATION', `--server must be an address such as http://localhost:8080, not "${server}"`);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new HayateError('CONFIGURATION', '--server must hold neither credentials nor a query; tokens are given by --token-file');
}

/**
 * Makes sure that a server answers, and resolves to the token given, or to a function that asks the server's development
 * mode for `grants`. Rejects with HayateError UNREACHABLE or UNAUTHORIZED, in one sentence.
 */
export async function reachServer(server: string, token: string | undefined, grants: Grants): Promise<TokenSource> {
  checkServer(server);
  if (token !== undefined) {
    // Editors and shells leave white space around it.
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
  const response = await ask(server, '/dev/token', { method: 'POST', headers, body: JSON.stringify({ grants, subject: 'hayate-cli' }) });
  const answer = Answer.safeParse(await response.json().catch(() => undefined)).data ?? {};
  if (response.ok && answer.token !== undefined) return answer.token;
  const why = answer.error === undefined ? `HTTP ${response.status}` : answer.error.message;
  throw new HayateError('UNAUTHORIZED', `${server} gives no tokens (${why}); give one by --token or --token-file`);
}

async function ask(server: string, path: string, request: RequestInit): Promise<Response> {
  try {
    const url = `${server.replace(/^ws/, 'http').replace(/\/+$/, '')}${path}`;
    return await fetch(url, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (cause) {
    const words = cause instanceof Error && cause.name === 'TimeoutError' ? 'timed out' : systemWords(cause);
    throw new HayateError('UNREACHABLE', `no Hayate server at ${server} (${words ?? 'no connection'})`, { cause, temporary: true });
  }
}
