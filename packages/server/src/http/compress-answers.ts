// Compresses answers that are made for each request and hold text: listings, metrics. Not those that say no-store: they may
// hold a secret, and the size of a compressed secret beside text that the asker chose tells about it (BREACH).
import type { MiddlewareHandler } from 'hono';
import { codingHeader, compressed } from './content-coding.ts';

const TEXT = /^(text\/|application\/(json|openmetrics-text))/;

/** Answers with an entity tag are left alone: they are in their coding already. */
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
