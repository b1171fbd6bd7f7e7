// The path below which a reverse proxy offers this server, for proxies that do not strip it:
// /hayate/watch/hoshi is answered as /watch/hoshi. Requests without the path, from a proxy that
// strips it or from probes, are answered unchanged.
import type { IncomingMessage, RequestListener } from 'node:http';
import { HayateError } from '../kernel/error.ts';

const LENGTH_MAX = 256;

/**
 * Turns `hayate`, `/hayate` or `/hayate/` into `/hayate`, and `/` into an empty text. Undefined if
 * the text is not a path of plain segments.
 */
export function readBasePath(text: string): string | undefined {
  if (text === '' || text === '/') return '';
  if (text.length > LENGTH_MAX) return undefined;
  const inner = text.replace(/^\//, '').replace(/\/$/, '');
  const isPlain = inner.split('/').every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && segment !== '.' && segment !== '..');
  return isPlain ? `/${inner}` : undefined;
}

/** The value of --base-path, read by readBasePath. Throws HayateError CONFIGURATION. */
export function checkBasePath(text: string): string {
  const path = readBasePath(text);
  if (path !== undefined) return path;
  throw new HayateError(
    'CONFIGURATION',
    `--base-path must be a path such as /hayate, of letters, digits, ".", "_", "~" and "-" between its slashes, not "${text.slice(0, LENGTH_MAX)}"`,
  );
}

/**
 * The prefix that a proxy reports to have stripped (X-Forwarded-Prefix); undefined if it names
 * none.
 */
export function forwardedPrefix(header: string | undefined): string | undefined {
  return (header && readBasePath(header.trim())) || undefined;
}

/**
 * Passes requests below `basePath` to `listener`, with the path removed. The base path without its
 * final slash redirects to itself with one.
 */
export function underBasePath(basePath: string, listener: RequestListener): RequestListener {
  if (basePath === '') return listener;
  const bare = new RegExp(`^${basePath.replaceAll('.', '\\.')}(?=[?]|$)`);
  return (request, response) => {
    const url = request.url ?? '/';
    // A target may be a whole URL (RFC 9112 section 3.2.2).
    const [origin] = /^(https?:\/\/[^/?]*)?/i.exec(url) ?? [''];
    const target = url.slice(origin.length);
    if (bare.test(target)) {
      // Relative, since a proxy may have stripped more of the path.
      const location = `${basePath.slice(basePath.lastIndexOf('/') + 1)}/${target.slice(basePath.length)}`;
      response.writeHead(308, { Location: location, 'Content-Length': 0 }).end();
      return;
    }
    if (target.startsWith(`${basePath}/`)) {
      request.url = origin + target.slice(basePath.length);
      removeHeader(request, 'x-forwarded-prefix');
    }
    return listener(request, response);
  };
}

/**
 * Removes a header. A proxy that reports a prefix but passes it on has not stripped it, and the
 * request's path already tells the page's address.
 */
function removeHeader({ headers, rawHeaders }: IncomingMessage, name: string): void {
  if (headers[name] === undefined) return;
  delete headers[name];
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) if (rawHeaders[at]?.toLowerCase() === name) rawHeaders.splice(at, 2);
}
