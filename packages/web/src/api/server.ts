// The server's HTTP API, as far as the pages use it: tokens, and what is live. One sentence for people when it refuses.
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

/** The server refused, or did not answer; the message is for people. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
}

/** The address of the server that gave these pages, without a slash at its end. */
export const server = siteRoot().href.slice(0, -1);

/** A token is fetched anew this long before it runs out. */
const spareSeconds = 60;

const fetched = new Map<string, { token: string; expiresUnixS: number }>();

/**
 * A token for `grants`: the embedding application's if it gave one, else development mode's own. Rejects with ServerError.
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
    throw new ServerError('This server takes visitors only from its own application: open the link that it gives you.');
  const { token, expiresAt } = (await answerOf(response)) as { token: string; expiresAt: number };
  fetched.set(key, { token, expiresUnixS: expiresAt });
  return token;
}

async function askForToken(body: string): Promise<Response> {
  try {
    return await ask('/dev/token', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  } catch (error) {
    // It leads to a port that only the server's own machine reaches. If the server itself answers, this is another.
    await ask('/', { method: 'HEAD' });
    throw new ServerError('This server gives tokens on its own machine alone: open the address with #pair= that it printed there.', {
      cause: error,
    });
  }
}

/** What is live and may be watched, by name. Rejects with ServerError. */
export async function liveStreams(): Promise<LiveStream[]> {
  const response = await ask('/api/streams', { headers: { Authorization: `Bearer ${await token({ watch: ['*'] })}` } });
  return ((await answerOf(response)) as { streams: LiveStream[] }).streams;
}

/** Asks the server at `path`, which begins with a slash. Rejects with ServerError if it does not answer. */
export async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(server + path, { ...init, cache: 'no-store' });
  } catch (cause) {
    throw new ServerError('The server does not answer: it may be restarting, or the network is gone.', { cause });
  }
}

/** The JSON of an answer. Rejects with ServerError, in the server's own words, if it is a refusal. */
export async function answerOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  throw new ServerError(`The server refused: ${refusal(body) ?? `HTTP ${response.status}`}.`);
}

/** The sentence of an error answer: `{ error: { message } }`. */
function refusal(body: unknown): string | undefined {
  const error = (body as { error?: { message?: unknown } } | undefined)?.error;
  return typeof error?.message === 'string' ? error.message : undefined;
}
