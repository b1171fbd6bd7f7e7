// The web pages: built files, and index.html for the paths that the pages themselves route. The built pages are the same
// under every prefix: all that they name is relative, and index.html gets the way to the site's root written into it.
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

/** Scripts and connections are this server's own; an audio worklet is loaded from a blob. */
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
/** Names below assets/ carry a hash of what they name. */
const FOR_EVER = 'public, max-age=31536000, immutable';
/** Paths at which programs ask, who want an error that they can read. */
const FOR_PROGRAMS = /^\/(api|assets|dev|demo|metrics|livez|readyz|publish)(\/|$)/;

/** Adds the pages in `directory` to `app`, at `paths`; without built pages `/` says how to get them. */
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
    // The page is written for each path that it has.
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
 * The site's root as seen from the page that is asked for, with a slash at its end. Relative, so that a proxy may have taken a
 * prefix off; if it says which (X-Forwarded-Prefix), that, since of `/` nobody else can know whether it was asked for as
 * `/prefix` or `/prefix/`.
 */
function rootOf(context: Context): string {
  const forwarded = forwardedPrefix(context.req.header('X-Forwarded-Prefix'));
  if (forwarded !== undefined) return `${forwarded}/`;
  const depth = new URL(context.req.url).pathname.split('/').length - 2;
  return depth === 0 ? './' : '../'.repeat(depth);
}

/** Whether a person's browser asks for a page to show. */
function wantsPage(context: Context): boolean {
  return /(^|,)\s*text\/html\s*(;(?!\s*q=0(\.0*)?\s*(,|$))|,|$)/i.test(context.req.header('Accept') ?? '');
}
