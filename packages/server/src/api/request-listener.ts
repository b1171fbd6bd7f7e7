// Turns an application into a listener for Node's servers. Bytes that cannot be read as a request
// get an error like every other.
import type { RequestListener } from 'node:http';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';

/** Used in URLs if a client named no host, as HTTP/1.0 allows. No route reads it. */
const NO_HOST = 'localhost';

/** The request listener for `app`. */
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
