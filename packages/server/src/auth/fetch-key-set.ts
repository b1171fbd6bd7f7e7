// One request for a key set. In: an address. Out: a usable set, or a failure that names its kind.
// Time, bytes and redirects are bounded. Failures hold no part of the address or the answer, so
// they may be logged.
import type { Clock } from '../kernel/clock.ts';
import { KeySet, KeySetError } from './key-set.ts';

/** How a fetch ended, for counters. */
export const FetchOutcomes = [
  'ok',
  'http_status',
  'redirect',
  'not_json',
  'not_key_set',
  'no_usable_key',
  'too_large',
  'timeout',
  'unreachable',
  'interrupted',
] as const;
export type FetchOutcome = (typeof FetchOutcomes)[number];

/** The issuer returned no usable set. The message is a clause: "it answered HTTP 503". */
export class FetchFailure extends Error {
  override readonly name = 'FetchFailure';
  readonly outcome: Exclude<FetchOutcome, 'ok'>;
  constructor(outcome: FetchFailure['outcome'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** Real sets hold a few kilobytes; with certificates (`x5c`), a few hundred. */
const BODY_BYTES_MAX = 2 ** 20;

/** Maximum number of redirects that are followed. */
const REDIRECTS_MAX = 3;

/** Bounds of one fetch. */
export interface FetchBounds {
  /** Bounds the whole fetch, including redirects and body. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Aborts the fetch. */
  readonly signal: AbortSignal;
}

/** Fetches the set at `url`. Rejects with FetchFailure. */
export async function fetchKeySet(url: URL, { timeoutMs, clock, signal }: FetchBounds): Promise<KeySet> {
  const deadline = new AbortController();
  const cancel = clock.after(timeoutMs, () => deadline.abort());
  const either = AbortSignal.any([deadline.signal, signal]);
  try {
    return KeySet.parse(await readBody(await request(url, either), either));
  } catch (error) {
    if (error instanceof FetchFailure) throw error;
    if (error instanceof KeySetError) throw new FetchFailure(error.outcome, `its answer cannot be used: ${error.message}`);
    if (deadline.signal.aborted) throw new FetchFailure('timeout', `it did not answer in full within ${timeoutMs} ms`, { cause: error });
    throw new FetchFailure('unreachable', `it cannot be reached (${codeOf(error) ?? 'no connection'})`, { cause: error });
  } finally {
    cancel();
  }
}

/**
 * Sends the request and follows redirects: never from https to http. Credentials are sent only to
 * the host that they are for.
 */
async function request(start: URL, signal: AbortSignal): Promise<Response> {
  let url = start;
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(withoutCredentials(url), { redirect: 'manual', signal, headers: headersFor(url, start) });
    if (response.ok) return response;
    await response.body?.cancel().catch(() => undefined);
    const location = response.headers.get('Location');
    if (response.status < 300 || response.status >= 400 || location === null)
      throw new FetchFailure('http_status', `it answered HTTP ${response.status}`);
    if (redirects === REDIRECTS_MAX) throw new FetchFailure('redirect', `it redirected more than ${REDIRECTS_MAX} times`);
    const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
    if (next === undefined || !(next.protocol === 'https:' || (next.protocol === 'http:' && url.protocol === 'http:')))
      throw new FetchFailure('redirect', 'it redirected to an address that is not followed');
    url = next;
  }
}

function headersFor(url: URL, start: URL): Record<string, string> {
  const headers: Record<string, string> = { Accept: 'application/jwk-set+json, application/json' };
  if (url.origin !== start.origin || (start.username === '' && start.password === '')) return headers;
  const pair = `${decoded(start.username)}:${decoded(start.password)}`;
  return { ...headers, Authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/**
 * Decodes a user's name or password from a URL. A text that is not valid percent-encoding is used
 * unchanged.
 */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

async function readBody(response: Response, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > BODY_BYTES_MAX) throw new FetchFailure('too_large', `it answered with more than ${BODY_BYTES_MAX} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (cause) {
    if (cause instanceof FetchFailure || signal.aborted) throw cause;
    throw new FetchFailure('interrupted', `its answer broke off (${codeOf(cause) ?? 'no reason known'})`, { cause });
  }
  return text + decoder.decode();
}

/**
 * The system's or the library's code of an error: ECONNREFUSED, CERT_HAS_EXPIRED. Messages may hold
 * the address; codes do not.
 */
function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    const inner: unknown = at instanceof AggregateError ? at.errors.map(codeOf).find((code) => code !== undefined) : undefined;
    if (typeof inner === 'string') return inner;
  }
  return undefined;
}
