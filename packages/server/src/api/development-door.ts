// The local door of development mode: a second port, on loopback, with a number of the system's choice, where tokens are given. A
// proxy or a tunnel passes on the port that it was told of, and never this one; so a client that reaches the door is on this
// machine. Other sites' scripts, which run here too, are kept out by Origin, Host and CORS.
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HayateError } from '../kernel/error.ts';
import { type DoorAddress, giveToken, readTokenRequest, refuseForwarded, refuseOtherSites, TOKEN_PATH } from './development-token.ts';

/** A page stays within its answer for so long before its browser asks again, seconds. */
const PREFLIGHT_SECONDS = 600;

/** Adds the door's routes to `app`, which listens at `address`. */
export function addDevelopmentDoor(app: OpenAPIHono, { secret, address }: { secret: Uint8Array; address: DoorAddress }): void {
  const admit = (context: Context): void => {
    const host = context.req.header('Host');
    if (host !== address.program && host !== address.page)
      throw new HayateError('FORBIDDEN', 'this port is for programs and pages of this machine');
    refuseForwarded(context);
    refuseOtherSites(context);
    const origin = context.req.header('Origin');
    if (origin === undefined) return;
    // A redirect from the public port is a request to another origin.
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
