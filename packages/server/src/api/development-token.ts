// Development mode's token dispenser: whoever can open the page may go live. It answers only requests that name this
// machine as their host and send JSON, so that no other site's script can use it; over the LAN, only what carries the
// pairing code that `--lan` printed gets more than `watch`.
import { timingSafeEqual } from 'node:crypto';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { isStreamPattern } from '../auth/grant.ts';
import { signToken } from '../auth/sign-token.ts';
import { isLocalhostName, isLoopback, parseAddress } from '../kernel/address.ts';
import { HayateError } from '../kernel/error.ts';

const patterns = z.array(z.string().refine(isStreamPattern)).max(100).default([]);
const Request = z.object({
  grants: z.object({ publish: patterns, watch: patterns, room: patterns, moderate: patterns }),
  subject: z.string().min(1).max(64).default('developer'),
  pair: z.string().max(64).default(''),
});

export interface DevelopmentTokenOptions {
  secret: Uint8Array;
  /** Printed by --lan; undefined: loopback only. */
  pairingCode: string | undefined;
  /** The remote address of a request. */
  remoteAddress: (environment: unknown) => string;
}

/** Adds POST /dev/token to `app`. */
export function addDevelopmentToken(app: OpenAPIHono, options: DevelopmentTokenOptions): void {
  app.post('/dev/token', async (context) => {
    if (!namesThisMachine(context.req.header('Host') ?? ''))
      throw new HayateError('FORBIDDEN', 'tokens are given only under an address of this machine');
    if (context.req.header('Content-Type')?.split(';')[0]?.trim() !== 'application/json')
      throw new HayateError('BAD_REQUEST', 'the request is not JSON');
    const parsed = Request.safeParse(await context.req.json().catch(() => undefined));
    if (!parsed.success)
      throw new HayateError('BAD_REQUEST', 'the request is not { "grants": { "publish"?, "watch"?, "moderate"?: [patterns] } }');
    const { grants, subject, pair } = parsed.data;
    const trusted =
      isLoopback(options.remoteAddress(context.env)) || (options.pairingCode !== undefined && equals(pair, options.pairingCode));
    if (!trusted && (grants.publish.length > 0 || grants.room.length > 0 || grants.moderate.length > 0))
      throw new HayateError('FORBIDDEN', 'open the address that was printed with its pairing code');
    return context.json(await signToken({ subject, grants }, options.secret), 200, { 'Cache-Control': 'no-store' });
  });
}

/**
 * Against DNS rebinding: the page was opened as localhost or by a literal address, not by somebody's domain. A name is never
 * resolved here, as the domain of an attacker may well lead to this machine.
 */
function namesThisMachine(host: string): boolean {
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host) ?? [];
  return isLocalhostName(name) || parseAddress(name) !== undefined;
}

function equals(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
