// The web pages: built files, and index.html for the paths that the pages themselves route.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { OpenAPIHono } from '@hono/zod-openapi';

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

/** Adds the pages in `directory` to `app`, at `paths`; without built pages `/` says how to get them. */
export function addPageRoutes(app: OpenAPIHono, directory: string, paths: readonly string[] = PAGE_PATHS): void {
  if (!existsSync(join(directory, 'index.html'))) {
    app.get('/', (context) => context.text('Hayate is running. Its pages are not built: npm run build -w packages/web\n'));
    return;
  }
  app.use('*', async (context, next) => {
    await next();
    context.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    context.header('X-Content-Type-Options', 'nosniff');
    context.header('Referrer-Policy', 'no-referrer');
    if (context.req.path.startsWith('/assets/')) context.header('Cache-Control', 'public, max-age=31536000, immutable');
  });
  for (const path of paths)
    app.get(path, async (context) =>
      context.html(await readFile(join(directory, 'index.html'), 'utf8'), 200, { 'Cache-Control': 'no-cache' }),
    );
  app.use('*', serveStatic({ root: directory }));
}
