// The archive over HTTP: listing by prefix, and objects whole or in ranges. Needs `moderate`: on the stream for its audio,
// on every stream for what holds several.
import { isStreamName } from '@hayate/protocol';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { allows, allowsAll } from '../auth/grant.ts';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import { HayateError } from '../kernel/error.ts';
import { checkKey, type Store } from '../store/store.ts';
import { errorAnswers } from './api-error.ts';
import { identify } from './authorization.ts';

const LIMIT_MAX = 1_000;
const security = [{ bearer: [] }];
const prefixPattern = /^[A-Za-z0-9_=./-]{0,900}$/;

const listRoute = createRoute({
  method: 'get',
  path: '/api/archive/objects',
  summary: 'Archive objects by prefix (moderate)',
  security,
  request: {
    query: z.object({
      prefix: z.string().regex(prefixPattern).default(''),
      after: z.string().regex(prefixPattern).optional().openapi({ description: 'Only keys behind this one' }),
      limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(100),
    }),
  },
  responses: {
    200: {
      description: 'Objects in ascending order of their keys',
      content: {
        'application/json': {
          schema: z.object({
            objects: z.array(z.object({ key: z.string(), size: z.int().openapi({ description: 'Bytes' }) })),
            next: z.string().optional().openapi({ description: 'Pass as `after` for more; absent at the end' }),
          }),
        },
      },
    },
    ...errorAnswers(400, 401, 403, 503),
  },
});
const bytes = { schema: z.string().openapi({ format: 'binary' }) };
const readRoute = createRoute({
  method: 'get',
  path: '/api/archive/objects/{key}',
  summary: 'One archive object (moderate); honours a single Range (RFC 9110 section 14)',
  description: 'The key is given with its slashes.',
  security,
  request: { params: z.object({ key: z.string() }) },
  responses: {
    200: { description: 'The object', content: { 'application/octet-stream': bytes } },
    206: { description: 'The range', content: { 'application/octet-stream': bytes } },
    ...errorAnswers(400, 401, 403, 404, 416, 503),
  },
});

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ogg: 'audio/ogg',
  avro: 'application/vnd.apache.avro',
  parquet: 'application/vnd.apache.parquet',
  json: 'application/json',
};

/** Adds the routes to `app`. */
export function addArchiveRoutes(app: OpenAPIHono, parts: { store: Store; verifyToken: VerifyToken }): void {
  const { store, verifyToken } = parts;
  app.openapi(listRoute, async (context) => {
    const { prefix, after, limit } = context.req.valid('query');
    authorize(await identify(context, verifyToken), prefix);
    const objects: { key: string; size: number }[] = [];
    for await (const { key, size } of store.list(prefix, after)) {
      if (objects.length === limit) return context.json({ objects, next: objects.at(-1)?.key ?? '' }, 200);
      objects.push({ key, size });
    }
    return context.json({ objects }, 200);
  });
  app.openAPIRegistry.registerPath(readRoute);
  app.get('/api/archive/objects/:key{.+}', async (context) => {
    const key = context.req.param('key');
    authorize(await identify(context, verifyToken), key);
    try {
      checkKey(key);
    } catch {
      throw new HayateError('BAD_REQUEST', 'this is not an object key');
    }
    const object = await store.head(key);
    if (object === undefined) throw new HayateError('NOT_FOUND', 'there is no such object');
    const headers = {
      'Accept-Ranges': 'bytes',
      'Content-Type': CONTENT_TYPES[key.slice(key.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    };
    const range = readRange(context.req.header('Range'), object.size);
    if (range === 'outside') return context.body(null, 416, { 'Content-Range': `bytes */${object.size}` });
    const body = await store.get(key, range);
    if (body === undefined) throw new HayateError('NOT_FOUND', 'there is no such object');
    const content = new Uint8Array(body);
    if (range === undefined) return context.body(content, 200, headers);
    return context.body(content, 206, {
      ...headers,
      'Content-Range': `bytes ${range.offset}-${range.offset + range.length - 1}/${object.size}`,
    });
  });
}

function authorize({ grants }: Identity, key: string): void {
  const [folder, stream = ''] = key.split('/');
  const allowed =
    allowsAll(grants, 'moderate') ||
    (folder === 'audio' && key.split('/').length > 2 && isStreamName(stream) && allows(grants, 'moderate', stream));
  if (!allowed) throw new HayateError('FORBIDDEN', 'the token does not grant moderate on these objects');
}

/** A single byte range of RFC 9110 section 14.1.2; undefined when there is none or it is of another form, which is ignored. */
function readRange(header: string | undefined, size: number): { offset: number; length: number } | 'outside' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [, from = '', to = ''] = match;
  const offset = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
  return offset < end ? { offset, length: end - offset } : 'outside';
}
