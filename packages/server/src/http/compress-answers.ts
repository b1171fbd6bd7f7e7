// Compresses text that is generated for each request: listings, metrics. Answers with no-store are
// left alone, since they may hold a secret, and the compressed size of a secret next to text that
// the client chose reveals it (BREACH).
import type { MiddlewareHandler } from 'hono';
import { codingHeader, compressed } from './content-coding.ts';

const TEXT = /^(text\/|application\/(json|openmetrics-text))/;

/** Answers with an entity tag are left alone, since their coding is already chosen. */
export const compressAnswers: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers, status } = context.res;
  if (status !== 200 || headers.has('ETag') || headers.has('Content-Encoding') || !TEXT.test(headers.get('Content-Type') ?? '')) return;
  if (headers.get('Cache-Control')?.includes('no-store')) return;
  context.header('Vary', 'Accept-Encoding', { append: true });
  if (context.req.method === 'HEAD') return;
  const { coding, bytes } = await compressed(new Uint8Array(await context.res.arrayBuffer()), context.req.header('Accept-Encoding'));
  context.res = new Response(bytes, { status, headers: { ...Object.fromEntries(context.res.headers), ...codingHeader(coding) } });
};
