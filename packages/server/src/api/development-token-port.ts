// The token port of development mode: a second port, on loopback, with a number that the system
// chooses, where tokens are issued. A proxy or a tunnel forwards the port that it was configured
// with, and never this one, so a client that reaches the token port is on this machine. Origin,
// Host and CORS checks keep out scripts of other sites, which run on this machine too.
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HayateError } from '../kernel/error.ts';
import { giveToken, readTokenRequest, refuseForwarded, refuseOtherSites, TOKEN_PATH, type TokenPortAddress } from './development-token.ts';

/** How long a browser may cache the answer to a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600;

/** Adds the routes of the token port to `app`, which listens at `address`. */
export function addTokenPort(app: OpenAPIHono, { secret, address }: { secret: Uint8Array; address: TokenPortAddress }): void {
  const admit = (context: Context): void => {
    const host = context.req.header('Host');
    if (host !== address.program && host !== address.page)
      throw new HayateError('FORBIDDEN', 'this port is only for programs and pages on this machine');
    refuseForwarded(context);
    refuseOtherSites(context);
    const origin = context.req.header('Origin');
    if (origin === undefined) return;
    // After the redirect from the public port, the request goes to another origin.
    context.header('Access-Control-Allow-Origin', origin);
    context.header('Vary', 'Origin');
  };
  app.options(TOKEN_PATH, (context) => {
    admit(context);
    const headers = { 'Access-Control-Allow-Methods': 'POST', 'Access-Control-Allow-Headers': 'Content-Type' };
    return context.body(null, 204, { ...headers, 'Access-Control-Max-Age': String(PREFLIGHT_SECONDS) });
  });
  app.post(TOKEN_PATH, async (context) => {
    admit(context);
    return giveToken(context, await readTokenRequest(context), secret);
  });
}
