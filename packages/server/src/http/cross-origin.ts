// Lets pages of other origins read answers (CORS, by the Fetch standard). In: an allow-list. Out:
// the header fields by which a browser lets such a page read an answer. Errors have them too;
// otherwise a page could not tell a refusal from a broken network. Credentials are never allowed:
// tokens are sent in Authorization, and there are no cookies.
import type { Context, MiddlewareHandler } from 'hono';
import { HayateError } from '../kernel/error.ts';
import type { OriginList } from './origin-list.ts';

/** Header fields that a page may read in addition to those it always may. */
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
/** How long a browser may cache the answer to a preflight, in seconds: Chromium's maximum. */
const PREFLIGHT_SECONDS = '7200';

/** Answers preflights, and adds the header fields to other answers for the allowed `origins`. */
export function crossOrigin(origins: OriginList): MiddlewareHandler {
  return async (context, next) => {
    const origin = context.req.header('Origin');
    const named = origin !== undefined && origins.has(origin);
    const allowed = origins.any ? '*' : named ? origin : undefined;
    const isPreflight =
      context.req.method === 'OPTIONS' && origin !== undefined && context.req.header('Access-Control-Request-Method') !== undefined;
    if (isPreflight) return answerPreflight(context, { allowed, named, any: origins.any });
    await next();
    // A cache must not serve one origin the answer for another, or for none.
    if (!origins.any) context.header('Vary', 'Origin', { append: true });
    if (allowed === undefined || origin === undefined) return;
    context.header('Access-Control-Allow-Origin', allowed);
    context.header('Access-Control-Expose-Headers', EXPOSED);
  };
}

interface Preflight {
  readonly allowed: string | undefined;
  /** Whether the list names the origin. */
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
    // For requests from a public page to a server in a private network: only for origins that the
    // operator has named.
    ...(asksForPrivateNetwork && named ? { 'Access-Control-Allow-Private-Network': 'true' } : {}),
  });
}
