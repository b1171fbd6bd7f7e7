// Issues tokens in development mode: a program or a browser on this machine may do everything. The
// public port issues no tokens itself, since behind a reverse proxy or a tunnel every client looks
// like this machine. It redirects the client to the token port (development-token-port.ts), a port
// that is not exposed anywhere, so only a client on this machine reaches it. A client with the
// pairing code needs no token port. docs/decision/0019-development-tokens-through-a-second-port.md
// gives the reasons.
import { timingSafeEqual } from 'node:crypto';
import { z as documented, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import { isStreamPattern } from '../auth/grant.ts';
import { signToken } from '../auth/sign-token.ts';
import { isLocalhostName, isLoopback, parseAddress } from '../kernel/address.ts';
import { HayateError } from '../kernel/error.ts';
import { errorAnswers } from './api-error.ts';

const patterns = z.array(z.string().refine(isStreamPattern)).max(100).default([]);
const Request = z.object({
  grants: z.object({ publish: patterns, watch: patterns, room: patterns, moderate: patterns }),
  subject: z.string().min(1).max(64).default('developer'),
  pair: z.string().max(64).default(''),
});
type TokenRequest = z.infer<typeof Request>;

/** The path of token requests, on the public port and at the token port. */
export const TOKEN_PATH = '/dev/token';

/**
 * Headers by which proxies show that they forwarded a request. Some proxies add none, so this check
 * only makes the answer clearer.
 */
const FORWARDED =
  /^(forwarded|via|cdn-loop|x-forwarded|(x-)?(real|true-client|client|cluster-client|proxyuser)-ip|x-(forwarded|original|envoy|azure|arr|amzn|appengine|vercel)-.+|(cf|fly|fastly|akamai)-.+)$/;

/**
 * The token port as host and port, `127.0.0.1:PORT`: for programs, and for pages, which may need
 * another name for it.
 */
export interface TokenPortAddress {
  readonly program: string;
  readonly page: string;
}

interface DevelopmentTokenOptions {
  secret: Uint8Array;
  /** The code that grants every right from any address; undefined: there is none. */
  pairingCode: string | undefined;
  /** The address of the token port. */
  tokenPort: TokenPortAddress;
  /** The remote address of a request. */
  remoteAddress: (environment: unknown) => string;
}

/**
 * Adds POST /dev/token to the public `app`, and lets its pages connect to the token port. Call it
 * before pages are added.
 */
export function addDevelopmentToken(app: OpenAPIHono, { secret, pairingCode, tokenPort, remoteAddress }: DevelopmentTokenOptions): void {
  app.use('*', async (context, next) => {
    await next();
    const policy = context.res.headers.get('Content-Security-Policy');
    if (policy !== null)
      context.header('Content-Security-Policy', policy.replace("connect-src 'self'", `connect-src 'self' http://${tokenPort.page}`));
  });
  describeTokenPath(app);
  app.post(TOKEN_PATH, async (context) => {
    const request = await readTokenRequest(context);
    if (pairingCode !== undefined && equals(request.pair, pairingCode)) return giveToken(context, request, secret);
    refuseForwarded(context);
    refuseOtherSites(context);
    if (!namesThisMachine(context.req.header('Host') ?? ''))
      throw new HayateError('FORBIDDEN', 'tokens are given only under an address of this machine');
    if (isLoopback(remoteAddress(context.env))) return redirectToTokenPort(context, tokenPort);
    // Another device on the network that --lan listens on.
    const { publish, room, moderate } = request.grants;
    if (publish.length > 0 || room.length > 0 || moderate.length > 0)
      throw new HayateError('FORBIDDEN', 'open the printed address with its pairing code');
    return giveToken(context, request, secret);
  });
}

/** Adds the path to the description of the API, only in development mode. */
function describeTokenPath({ openAPIRegistry }: OpenAPIHono): void {
  const names = documented
    .array(documented.string().openapi({ example: 'studio-7' }))
    .max(100)
    .default([]);
  const body = documented.object({
    grants: documented.object({ publish: names, watch: names, room: names, moderate: names }),
    subject: documented.string().min(1).max(64).default('developer'),
    pair: documented.string().max(64).default('').openapi({ description: 'The pairing code of --lan' }),
  });
  const answer = documented.object({
    token: documented.string(),
    expiresAt: documented.int().openapi({ description: 'Unix seconds', example: 1_767_229_200 }),
  });
  openAPIRegistry.registerPath({
    method: 'post',
    path: TOKEN_PATH,
    summary: 'A token, in development mode only',
    request: { body: { required: true, content: { 'application/json': { schema: body } } } },
    responses: {
      200: { description: 'The token', content: { 'application/json': { schema: answer } } },
      307: { description: 'Repeat the request at the address in Location, which only this machine can reach' },
      ...errorAnswers(400, 403),
    },
  });
}

/**
 * Reads the body of the request. Throws HayateError BAD_REQUEST, also for a form or plain text,
 * which other sites could send.
 */
export async function readTokenRequest({ req }: Context): Promise<TokenRequest> {
  if (req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    throw new HayateError('BAD_REQUEST', 'the request is not JSON');
  const parsed = Request.safeParse(await req.json().catch(() => undefined));
  if (!parsed.success)
    throw new HayateError('BAD_REQUEST', 'the request is not { "grants": { "publish"?, "watch"?, "moderate"?: [patterns] } }');
  return parsed.data;
}

/** Answers with a token for the requested grants. */
export async function giveToken(context: Context, { subject, grants }: TokenRequest, secret: Uint8Array): Promise<Response> {
  return context.json(await signToken({ subject, grants }, secret), 200, { 'Cache-Control': 'no-store' });
}

/** Throws HayateError FORBIDDEN if a header shows that a proxy forwarded the request. */
export function refuseForwarded({ req }: Context): void {
  if (Object.keys(req.header()).some((name) => FORWARDED.test(name)))
    throw new HayateError('FORBIDDEN', 'the request came through a proxy, and development mode is for one machine: give the server a key');
}

/**
 * Throws HayateError FORBIDDEN for a request from a page that comes neither from this server, as
 * `Host` names it, nor from this machine.
 */
export function refuseOtherSites({ req }: Context): void {
  const [origin, host, site] = ['Origin', 'Host', 'Sec-Fetch-Site'].map((name) => req.header(name));
  const url = origin === undefined ? undefined : URL.parse(origin);
  // A browser sends Origin with every POST. Other programs send neither Origin nor Sec-Fetch-Site.
  const isOther =
    url === undefined
      ? site === 'cross-site' || site === 'same-site'
      : url === null || (url.host !== host && !isLocalhostName(url.hostname) && !isLoopback(url.hostname));
  if (isOther) throw new HayateError('FORBIDDEN', 'tokens are given only to pages on this machine');
}

/** RFC 9110 section 15.4.8: the client repeats the request there, with its method and body. */
function redirectToTokenPort(context: Context, tokenPort: TokenPortAddress): Response {
  const address = context.req.header('Origin') === undefined ? tokenPort.program : tokenPort.page;
  const error = { code: 'ELSEWHERE', message: 'follow the redirect (curl -L); it leads to a port that only this machine can reach' };
  return context.json({ error }, 307, { Location: `http://${address}${TOKEN_PATH}`, 'Cache-Control': 'no-store' });
}

/**
 * Protects against DNS rebinding: the page must have been opened as localhost or by an IP address,
 * not by a domain name. Names are never resolved here, since an attacker's domain may resolve to
 * this machine.
 */
function namesThisMachine(host: string): boolean {
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host) ?? [];
  return isLocalhostName(name) || parseAddress(name) !== undefined;
}

function equals(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
