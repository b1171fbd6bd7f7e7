// Lets pages of other origins read answers (CORS, as the Fetch standard has it). In: an allow-list. Out: the header fields by
// which a browser hands answers to such a page: on errors too, or the page could not tell a refusal from a broken network.
// Credentials are never allowed: tokens travel in Authorization, and there are no cookies.
import type { Context, MiddlewareHandler } from 'hono';
import { HayateError } from '../kernel/error.ts';
import type { OriginList } from './origin-list.ts';

/** What a page may read beyond what it always may. */
const EXPOSED = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Range',
  'ETag',
  'Hayate-Next-Ms',
  'Retry-After',
  'WWW-Authenticate',
].join(', ');
const METHODS = 'GET, HEAD, POST';
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Range',
].join(', ');
/** How long a browser may keep the answer to a preflight, seconds: the most that Chromium does. */
const PREFLIGHT_SECONDS = '7200';

/** Answers preflights, and marks the other answers for the origins of `origins`. */
export function crossOrigin(origins: OriginList): MiddlewareHandler {
  return async (context, next) => {
    const origin = context.req.header('Origin');
    const named = origin !== undefined && origins.has(origin);
    const allowed = origins.any ? '*' : named ? origin : undefined;
    const isPreflight =
      context.req.method === 'OPTIONS' && origin !== undefined && context.req.header('Access-Control-Request-Method') !== undefined;
    if (isPreflight) return answerPreflight(context, { allowed, named, any: origins.any });
    await next();
    // A cache must not give one origin what was said to another, nor to one what was said to none.
    if (!origins.any) context.header('Vary', 'Origin', { append: true });
    if (allowed === undefined || origin === undefined) return;
    context.header('Access-Control-Allow-Origin', allowed);
    context.header('Access-Control-Expose-Headers', EXPOSED);
  };
}

interface Preflight {
  readonly allowed: string | undefined;
  /** Whether the origin is on the list by name. */
  readonly named: boolean;
  readonly any: boolean;
}

function answerPreflight(context: Context, { allowed, named, any }: Preflight): Response {
  const asksForPrivateNetwork = context.req.header('Access-Control-Request-Private-Network') === 'true';
  if (!any) context.header('Vary', 'Origin, Access-Control-Request-Private-Network');
  if (allowed === undefined) throw new HayateError('FORBIDDEN', "this origin is not on the server's list (--cors-origins)");
  return context.body(null, 204, {
    'Access-Control-Allow-Origin': allowed,
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': REQUEST_HEADERS,
    'Access-Control-Max-Age': PREFLIGHT_SECONDS,
    // From a public page to a server in a private network: for origins that the operator has named.
    ...(asksForPrivateNetwork && named ? { 'Access-Control-Allow-Private-Network': 'true' } : {}),
  });
}
