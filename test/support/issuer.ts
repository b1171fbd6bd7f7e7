// In: the next answers of an issuer's key set endpoint. Out: a real HTTP or HTTPS server that gives
// them and counts requests, and keys with which tests sign tokens as that issuer would.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { cleanUp, type TestScope } from './clean-up.ts';

/** How the issuer answers. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A key pair of an issuer. */
interface IssuerKey {
  /** The public key, as it appears in a key set. */
  readonly jwk: JWK;
  /**
   * A token for the audience "hayate", signed by this key. The `kid` in its header is the key's,
   * another one, or absent (null).
   */
  sign(claims?: Record<string, unknown>, header?: { kid?: string | null; alg?: string }): Promise<string>;
}

/** A running issuer. */
export interface Issuer {
  /** URL of its key set. */
  readonly url: string;
  readonly origin: string;
  /** Requests so far. */
  readonly requests: IncomingMessage[];
  /** Makes the answers from now on. */
  answer: Answer;
  /** Answers with these keys from now on. */
  serve(...keys: readonly (IssuerKey | JWK)[]): void;
  /** Refuses connections from now on, until `listen`. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  listen(): Promise<void>;
}

/** Makes a key; with `kid` null it has no key ID. */
export async function issuerKey(kid: string | null, alg = 'ES256', members: Record<string, unknown> = {}): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg, use: 'sig', ...(kid === null ? {} : { kid }), ...members } as JWK;
  return {
    jwk,
    sign: (claims = {}, header = {}) => {
      const named = header.kid === undefined ? kid : header.kid;
      return new SignJWT({ sub: 'ann', aud: 'hayate', exp: inAnHour(), grants: { publish: ['*'], watch: ['*'] }, ...claims })
        .setProtectedHeader({ alg: header.alg ?? alg, ...(named === null ? {} : { kid: named }) })
        .sign(privateKey);
    },
  };
}

/** Unix seconds, an hour from now. */
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3_600;

/** JSON as a key set endpoint sends it. */
export const json =
  (value: unknown): Answer =>
  (_, response) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));

/** An answer with this status and text. */
export const text =
  (status: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

/** Starts an issuer that has no keys yet. `tls`: with a certificate that no client trusts. */
export async function startIssuer(t: TestScope, { tls = false }: { tls?: boolean } = {}): Promise<Issuer> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const take = (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request);
    issuer.answer(request, response);
  };
  const server = tls ? createSecureServer(await certificate(), take) : createServer(take);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  cleanUp(t, close);
  const origin = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const issuer: Issuer = {
    url: `${origin}/keys.json`,
    origin,
    requests,
    answer: text(500, ''),
    serve: (...keys) => {
      issuer.answer = json({ keys: keys.map((key) => ('jwk' in key ? key.jwk : key)) });
    },
    refuse: close,
    listen: () => listen(port),
  };
  return issuer;
}

async function certificate(): Promise<{ key: string; cert: string }> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  return { key: made.private, cert: made.cert };
}
