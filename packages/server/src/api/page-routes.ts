// The web pages: built files, and index.html for the paths that the pages route themselves. The
// built pages are the same under every prefix: they name everything relatively, and the relative
// path to the site's root is inserted into index.html.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { forwardedPrefix } from '../http/base-path.ts';
import { codingHeader, compressed } from '../http/content-coding.ts';
import { answerRepresentation, representationOf } from '../http/representation.ts';
import { HayateError } from '../kernel/error.ts';
import { PageFiles } from './page-files.ts';

const PAGE_PATHS = ['/', '/studio', '/watch/:stream', '/past', '/past/:stream/:epoch'];

/** Scripts and connections come only from this server; an audio worklet is loaded from a blob. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' blob:",
  "worker-src 'self' blob:",
  "connect-src 'self' ws: wss: blob: data:",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
].join('; ');
const SAFETY = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};
/** Names below assets/ contain a hash of their content. */
const FOR_EVER = 'public, max-age=31536000, immutable';
/** Paths that programs request. They get an error that they can read. */
const FOR_PROGRAMS = /^\/(api|assets|dev|demo|metrics|livez|readyz|publish)(\/|$)/;

/**
 * Adds the pages in `directory` to `app`, at `paths`. Without built pages, `/` says how to build
 * them.
 */
export function addPageRoutes(app: OpenAPIHono, directory: string, paths: readonly string[] = PAGE_PATHS): void {
  if (!existsSync(join(directory, 'index.html'))) {
    app.get('/', (context) => context.text('Hayate is running. Its pages are not built: npm run build -w packages/web\n'));
    return;
  }
  const files = new PageFiles(directory);
  const answerPage = async (context: Context, isMissing: boolean): Promise<Response> => {
    const html = await files.text('/index.html');
    if (html === undefined) throw new HayateError('NOT_FOUND', 'the pages are not built');
    const page = html.replaceAll('"./', `"${rootOf(context)}`).replace('content="found"', `content="${isMissing ? 'missing' : 'found'}"`);
    const { coding, bytes } = await compressed(new TextEncoder().encode(page), context.req.header('Accept-Encoding'));
    const headers = { ...SAFETY, 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding, X-Forwarded-Prefix' };
    const contentHeaders = { 'Content-Type': 'text/html; charset=utf-8', ...codingHeader(coding) };
    if (isMissing) return context.body(bytes, 404, { ...headers, ...contentHeaders });
    return answerRepresentation(context, representationOf(bytes, { headers, contentHeaders }));
  };
  for (const path of paths)
    for (const either of path === '/' ? [path] : [path, `${path}/`]) app.get(either, (context) => answerPage(context, false));
  app.get('*', async (context) => {
    const path = context.req.path === '/favicon.ico' ? '/icon.svg' : context.req.path;
    const isAsset = path.startsWith('/assets/');
    // index.html is generated for each path, so it is never served as a file.
    const file =
      path === '/index.html'
        ? undefined
        : await files.find(path, context.req.header('Accept-Encoding'), { ...SAFETY, 'Cache-Control': isAsset ? FOR_EVER : 'no-cache' });
    if (file !== undefined) return answerRepresentation(context, file);
    if (!FOR_PROGRAMS.test(path) && wantsPage(context)) return answerPage(context, true);
    throw new HayateError('NOT_FOUND', 'there is nothing at this path');
  });
}

/**
 * The site's root as seen from the requested page, with a final slash. It is relative, since a
 * proxy may have stripped a prefix. If the proxy reports the prefix (X-Forwarded-Prefix), that is
 * used, since a request for `/` does not show whether the client asked for `/prefix` or `/prefix/`.
 */
function rootOf(context: Context): string {
  const forwarded = forwardedPrefix(context.req.header('X-Forwarded-Prefix'));
  if (forwarded !== undefined) return `${forwarded}/`;
  const depth = new URL(context.req.url).pathname.split('/').length - 2;
  return depth === 0 ? './' : '../'.repeat(depth);
}

/** Whether a browser requests a page to display. */
function wantsPage(context: Context): boolean {
  return /(^|,)\s*text\/html\s*(;(?!\s*q=0(\.0*)?\s*(,|$))|,|$)/i.test(context.req.header('Accept') ?? '');
}
