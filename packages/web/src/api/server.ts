// The parts of the server's HTTP API that the pages use: tokens and live streams. A refusal becomes
// one sentence for people.
import { siteRoot } from '../route/root.ts';
import { credential } from './credential.ts';

/** A live stream (GET /api/streams in /api/openapi.json). */
export interface LiveStream {
  stream: string;
  /** This broadcast: 16 hex digits. */
  epoch: string;
  title: string;
  /** ISO 8601. */
  startedAt: string;
  viewers: number;
  bitsPerSecond: number;
}

/** Stream name patterns, by right. */
export interface Grants {
  publish?: readonly string[];
  watch?: readonly string[];
  moderate?: readonly string[];
}

/** The server refused or did not answer; the message is for people. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
}

/** The address of the server that served these pages, without a trailing slash. */
export const server = siteRoot().href.slice(0, -1);

/** A token is replaced this long before it expires. */
const spareSeconds = 60;

const fetched = new Map<string, { token: string; expiresUnixS: number }>();

/**
 * A token for `grants`: the embedding application's if it gave one, otherwise development mode's
 * own. Rejects with ServerError.
 */
export async function token(grants: Grants): Promise<string> {
  const given = credential();
  if (given.token !== undefined) return given.token;
  const key = JSON.stringify(grants);
  const known = fetched.get(key);
  if (known !== undefined && known.expiresUnixS - spareSeconds > Date.now() / 1000) return known.token;
  const body = JSON.stringify({ grants, ...(given.pair === undefined ? {} : { pair: given.pair }) });
  const response = await askForToken(body);
  if (response.status === 404)
    throw new ServerError('This server admits visitors only through its own application: open the link from that application.');
  const { token, expiresAt } = (await answerOf(response)) as { token: string; expiresAt: number };
  fetched.set(key, { token, expiresUnixS: expiresAt });
  return token;
}

async function askForToken(body: string): Promise<Response> {
  try {
    return await ask('/dev/token', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  } catch (error) {
    // The token address leads to a port that only the server's own machine can reach. If the server
    // answers, this is another machine.
    await ask('/', { method: 'HEAD' });
    throw new ServerError('This server gives tokens only on its own machine: open the address with #pair= that it printed there.', {
      cause: error,
    });
  }
}

/** The live streams that this visitor may watch, by name. Rejects with ServerError. */
export async function liveStreams(): Promise<LiveStream[]> {
  const response = await ask('/api/streams', { headers: { Authorization: `Bearer ${await token({ watch: ['*'] })}` } });
  return ((await answerOf(response)) as { streams: LiveStream[] }).streams;
}

/**
 * Sends a request to the server at `path`, which begins with a slash. Rejects with ServerError if
 * it does not answer.
 */
export async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(server + path, { ...init, cache: 'no-store' });
  } catch (cause) {
    throw new ServerError('The server does not answer: it may be restarting, or the network is down.', { cause });
  }
}

/** The JSON of a response. Rejects a refusal with ServerError in the server's own words. */
export async function answerOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  throw new ServerError(`The server refused: ${refusal(body) ?? `HTTP ${response.status}`}.`);
}

/** The sentence of an error response: `{ error: { message } }`. */
function refusal(body: unknown): string | undefined {
  const error = (body as { error?: { message?: unknown } } | undefined)?.error;
  return typeof error?.message === 'string' ? error.message : undefined;
}
