// Answers methods that a path does not support: 405 with the list of supported ones. Also answers
// OPTIONS, which balancers send by default to see whether a server is up (RFC 9110 sections 9.3.7
// and 15.5.6).
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, Next } from 'hono';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Add it before any route. CORS preflights are left to the routes. */
export function answerMethods(app: OpenAPIHono): (context: Context, next: Next) => Promise<Response | undefined> {
  return async (context, next) => {
    const { method, path } = context.req;
    const asks = method === 'OPTIONS' && context.req.header('Access-Control-Request-Method') === undefined;
    const here = methodsAt(app, path);
    const isReading = method === 'GET' || method === 'HEAD';
    if ((isReading && (here.includes('GET') || here.length === 0)) || (method === 'OPTIONS' && !asks)) {
      await next();
      return undefined;
    }
    const allow = [...here, ...(here.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    // `/` stands for the server as a whole: the gateway turns a target of `*` into it.
    if (asks && (here.length > 0 || path === '/')) return context.body(null, 204, { Allow: allow });
    if (here.length > 0 && !here.includes(method)) {
      const error = { code: 'METHOD_NOT_ALLOWED', message: `this path takes ${allow}` };
      return context.json({ error }, 405, { Allow: allow });
    }
    if (here.length === 0) return context.notFound();
    await next();
    return undefined;
  };
}

/**
 * The methods with their own handler at `path`. Handlers of all methods or all paths (headers,
 * files) do not count.
 */
function methodsAt(app: OpenAPIHono, path: string): string[] {
  return METHODS.filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method && route.path !== '/*'),
  );
}
