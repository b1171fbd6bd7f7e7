// The archive over HTTP: listings by prefix, and objects in whole, in ranges or only if they
// changed. Needs `moderate`: on the stream for its audio, on every stream for objects that hold
// several streams.
import type { ServerResponse } from 'node:http';
import { isStreamName } from '@hayate/protocol';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { allows, allowsAll } from '../auth/grant.ts';
import type { Identity, VerifyToken } from '../auth/verify-token.ts';
import { answerRepresentation } from '../http/representation.ts';
import { HayateError } from '../kernel/error.ts';
import type { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import { checkKey, type ObjectState, type Store } from '../store/store.ts';
import { errorAnswers } from './api-error.ts';
import { identify } from './authorization.ts';
import { openObjectBody } from './object-body.ts';
import { conditionHeaders, notModified, partHeaders, validatorHeaders } from './representation-docs.ts';

const LIMIT_MAX = 1_000;
/** How often an object is requested from the store if it is replaced meanwhile. */
const TRIES_MAX = 3;
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
      after: z.string().regex(prefixPattern).optional().openapi({ description: 'Only keys after this one' }),
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
const readRoute = {
  path: '/api/archive/objects/{key}',
  description:
    'The key is written with its slashes. Only erasure changes an object; its ETag identifies the state. Several ranges get one answer if they touch; otherwise the answer is the whole object.',
  security,
  request: { params: z.object({ key: z.string() }), headers: conditionHeaders },
};
const readErrors = errorAnswers(400, 401, 403, 404, 412, 503);
const getRoute = createRoute({
  ...readRoute,
  method: 'get',
  summary: 'One archive object (moderate), whole or a range of it',
  responses: {
    200: { description: 'The object', headers: validatorHeaders, content: { 'application/octet-stream': bytes } },
    206: { description: 'The range', headers: partHeaders, content: { 'application/octet-stream': bytes } },
    304: notModified,
    ...readErrors,
    ...errorAnswers(416),
  },
});
const headRoute = createRoute({
  ...readRoute,
  method: 'head',
  summary: 'Size and state of an archive object (moderate)',
  responses: { 200: { description: 'The object exists', headers: validatorHeaders }, 304: notModified, ...readErrors },
});

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ogg: 'audio/ogg',
  avro: 'application/vnd.apache.avro',
  parquet: 'application/vnd.apache.parquet',
  json: 'application/json',
};

/** Adds the routes to `app`. */
export function addArchiveRoutes(app: OpenAPIHono, parts: { store: Store; verifyToken: VerifyToken; log: RateLimitedLog }): void {
  const { store, verifyToken, log } = parts;
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
  app.openAPIRegistry.registerPath(getRoute);
  app.openAPIRegistry.registerPath(headRoute);
  app.get('/api/archive/objects/:key{.+}', async (context) => {
    const key = context.req.param('key');
    authorize(await identify(context, verifyToken), key);
    try {
      checkKey(key);
    } catch {
      throw new HayateError('BAD_REQUEST', 'this is not an object key');
    }
    for (let tries = 1; ; tries++) {
      const object = await store.head(key);
      if (object === undefined) throw new HayateError('NOT_FOUND', 'there is no such object');
      const response = await answerObject(context, object, { store, log });
      if (response !== undefined) return response;
      if (tries === TRIES_MAX) throw new HayateError('UNREACHABLE', 'the object is being replaced again and again', { temporary: true });
    }
  });
}

/** Undefined if the object has changed since `object` was read from the store. */
async function answerObject(
  context: Context,
  { key, size, version, modifiedMs }: ObjectState,
  { store, log }: { store: Store; log: RateLimitedLog },
): Promise<Response | undefined> {
  const breakOff = (error: unknown) => {
    log.warn('object_broken_off', { code: error instanceof HayateError ? error.code : 'OTHER' });
    (context.env as { outgoing?: ServerResponse } | undefined)?.outgoing?.destroy();
  };
  try {
    return await answerRepresentation(context, {
      size,
      etag: `"${version}"`,
      modifiedMs,
      // Only the client may cache it, and must revalidate it before each use: erased data must not
      // come back.
      headers: { 'Cache-Control': 'private, no-cache' },
      contentHeaders: {
        'Content-Type': CONTENT_TYPES[key.slice(key.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
        'Content-Disposition': `attachment; filename="${key.slice(key.lastIndexOf('/') + 1)}"`,
        'X-Content-Type-Options': 'nosniff',
      },
      read: async (range) => {
        const body = await openObjectBody(store, { key, version, ...range }, breakOff);
        if (body === undefined) throw new ChangedError();
        return body;
      },
    });
  } catch (error) {
    if (error instanceof ChangedError) return undefined;
    throw error;
  }
}

/** The object changed between two requests to the store. */
class ChangedError extends Error {}

function authorize({ grants }: Identity, key: string): void {
  const [folder, stream = ''] = key.split('/');
  const allowed =
    allowsAll(grants, 'moderate') ||
    (folder === 'audio' && key.split('/').length > 2 && isStreamName(stream) && allows(grants, 'moderate', stream));
  if (!allowed) throw new HayateError('FORBIDDEN', 'the token does not grant moderate on these objects');
}
