// An application as Node's servers take it. What cannot be read as a request is answered like every other error.
import type { RequestListener } from 'node:http';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';

/** Stands in URLs where a client named no host, as HTTP/1.0 allows; no route reads it. */
const NO_HOST = 'localhost';

/** The listener of `app`. */
export function requestListener(app: OpenAPIHono): RequestListener {
  return getRequestListener(app.fetch, {
    hostname: NO_HOST,
    errorHandler: (error) => {
      const status = error instanceof RequestError ? 400 : 500;
      const body =
        status === 400 ? { code: 'BAD_REQUEST', message: 'the request is malformed' } : { code: 'INTERNAL', message: 'the server failed' };
      return Response.json({ error: body }, { status });
    },
  });
}
