// The path below which a reverse proxy offers this server, where the proxy passes it on: /hayate/watch/hoshi is answered as
// /watch/hoshi. Requests without it are answered as they are: from a proxy that strips it, and from probes.
import type { IncomingMessage, RequestListener } from 'node:http';
import { HayateError } from '../kernel/error.ts';

const LENGTH_MAX = 256;

/** `hayate`, `/hayate` or `/hayate/` to `/hayate`; `/` to an empty text. Undefined if it is no path of plain segments. */
export function readBasePath(text: string): string | undefined {
  if (text === '' || text === '/') return '';
  if (text.length > LENGTH_MAX) return undefined;
  const inner = text.replace(/^\//, '').replace(/\/$/, '');
  const isPlain = inner.split('/').every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && segment !== '.' && segment !== '..');
  return isPlain ? `/${inner}` : undefined;
}

/** --base-path as readBasePath has it. Throws HayateError CONFIGURATION. */
export function checkBasePath(text: string): string {
  const path = readBasePath(text);
  if (path !== undefined) return path;
  throw new HayateError(
    'CONFIGURATION',
    `--base-path must be a path such as /hayate, of letters, digits, ".", "_", "~" and "-" between its slashes, not "${text.slice(0, LENGTH_MAX)}"`,
  );
}

/** The prefix that a proxy says it has taken off the path (X-Forwarded-Prefix); undefined if it names none. */
export function forwardedPrefix(header: string | undefined): string | undefined {
  return (header && readBasePath(header.trim())) || undefined;
}

/** Answers requests below `basePath` by `listener` as if they came without it. Without its slash it leads to itself with one. */
export function underBasePath(basePath: string, listener: RequestListener): RequestListener {
  if (basePath === '') return listener;
  const bare = new RegExp(`^${basePath.replaceAll('.', '\\.')}(?=[?]|$)`);
  return (request, response) => {
    const url = request.url ?? '/';
    // A target may be a whole address (RFC 9112 section 3.2.2).
    const [origin] = /^(https?:\/\/[^/?]*)?/i.exec(url) ?? [''];
    const target = url.slice(origin.length);
    if (bare.test(target)) {
      // Relative, since a proxy may have taken off more of the path.
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

/** A proxy that names its prefix and passes it on has not taken it off: what the page's address begins with is known without it. */
function removeHeader({ headers, rawHeaders }: IncomingMessage, name: string): void {
  if (headers[name] === undefined) return;
  delete headers[name];
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) if (rawHeaders[at]?.toLowerCase() === name) rawHeaders.splice(at, 2);
}
