// In: an object server, and a plan of faults. Out: a real HTTP proxy in front of it on a free
// loopback port until the test ends. The proxy forwards requests and answers (412 among them) or
// damages them according to the plan, and counts each fault. It keeps the Host header, which S3
// signs.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { cleanUp } from './clean-up.ts';
import { poll } from './poll.ts';

/** All faults. `late`: the server has executed the request, but the client does not learn of it. */
export const storeFaults = [
  'refuse', // an error status; the server never sees the request
  'refuse-late',
  'cut', // no answer, the connection closes
  'cut-late',
  'cut-request', // the server gets half of the body
  'cut-answer', // the client gets half of the body
  'stall', // no answer until the client gives up
  'stall-late',
  'stall-answer', // half of the answer's body, then nothing
  'flip', // one bit of the request's body is flipped on the way
] as const;

/** `flip-answer`: one bit of the answer's body is flipped; only a checksum shows it. */
export type StoreFault = (typeof storeFaults)[number] | 'flip-answer';

/** The fault for this request; undefined: forward it. */
export type FaultPlan = (request: { readonly method: string; readonly path: string }) => StoreFault | undefined;

/** A proxy under test. */
export interface StoreFaultProxy {
  /** Use it in place of the server's. */
  readonly endpoint: string;
  /** May be replaced at any time. */
  plan: FaultPlan;
  /** Number of requests received. */
  readonly requests: number;
  /** The maximum number of requests handled at one time. */
  readonly requestsPeak: number;
  /** How often each fault occurred. */
  readonly done: ReadonlyMap<StoreFault, number>;
  /**
   * Resolves once no request is on its way to the server. A request that a client gave up has then
   * taken effect, or never will.
   */
  quiet(): Promise<void>;
}

const statuses = [500, 503, 429] as const;

/** A generator of numbers in [0, 1), determined by a seed. */
const seededRandom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Damages the given share of requests, with faults that the seed draws from `faults`. */
export const seededFaults = (seed: number, share: number, faults: readonly StoreFault[] = storeFaults): FaultPlan => {
  const random = seededRandom(seed);
  return () => (random() < share ? faults[Math.floor(random() * faults.length)] : undefined);
};

type Answer = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: Buffer };

const readAll = async (message: IncomingMessage): Promise<Buffer> => Buffer.concat(await message.toArray());

/**
 * Forwards a request to the server; with `cut` only half of its body, and then closes the
 * connection.
 */
const forward = (target: URL, incoming: IncomingMessage, body: Buffer, cut: boolean): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method, rawHeaders } = incoming;
    const path = target.pathname + target.search;
    const headers = Object.fromEntries(
      rawHeaders.flatMap((name, index) =>
        index % 2 === 0 && name.toLowerCase() !== 'connection' ? [[name, rawHeaders[index + 1] ?? '']] : [],
      ),
    );
    const outgoing = request({ host: target.hostname, port: target.port, method, path, headers, agent: false }, (response) => {
      const { statusCode: status = 502, headers } = response;
      readAll(response).then((body) => resolve({ status, headers, body }), reject);
    });
    outgoing.on('error', reject);
    if (!cut) outgoing.end(body);
    else outgoing.write(body.subarray(0, body.length >> 1), () => outgoing.destroy(new Error('cut')));
  });

const answer = (response: ServerResponse, { status, headers, body }: Answer, length: number, then?: () => void): void => {
  const { connection: _connection, 'transfer-encoding': _encoding, ...kept } = headers;
  // An answer to HEAD has a length but no body.
  response.writeHead(status, { 'content-length': body.length, ...kept });
  if (length === body.length) response.end(body);
  else response.write(body.subarray(0, length), then);
};

const flip = (body: Buffer): void => {
  if (body.length > 0) body.writeUInt8(body.readUInt8(body.length >> 1) ^ 1, body.length >> 1);
};

class SpoilingProxy implements StoreFaultProxy {
  readonly done = new Map<StoreFault, number>();
  readonly server: Server;
  readonly #target: URL;
  readonly #pathOf: (path: string) => string;
  plan: FaultPlan;
  requests = 0;
  requestsPeak = 0;
  #forwarding = 0;

  constructor(target: string, plan: FaultPlan, pathOf: (path: string) => string) {
    this.#pathOf = pathOf;
    this.#target = new URL(target);
    this.plan = plan;
    this.server = createServer((incoming, response) => {
      // The connection was closed by the client or by the plan: no answer is needed.
      this.#handle(incoming, response).catch(() => response.destroy());
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async quiet(): Promise<void> {
    await poll('the end of the requests that are in flight', () => this.#forwarding === 0);
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    this.#forwarding++;
    this.requestsPeak = Math.max(this.requestsPeak, this.#forwarding);
    try {
      const fault = this.plan({ method: incoming.method ?? '', path: incoming.url ?? '' });
      const body = await readAll(incoming);
      if (fault !== undefined) this.done.set(fault, (this.done.get(fault) ?? 0) + 1);
      const status = statuses[this.requests % statuses.length] ?? 500;
      const refusal: Answer = { status, headers: {}, body: Buffer.from('spoiled') };
      if (fault === 'refuse') return answer(response, refusal, refusal.body.length);
      if (fault === 'cut') return void response.destroy();
      if (fault === 'stall') return;
      if (fault === 'flip') flip(body);
      const path = this.#pathOf(incoming.url ?? '');
      const given = await forward(new URL(path, this.#target), incoming, body, fault === 'cut-request');
      if (fault === 'flip-answer') flip(given.body);
      // Half of an empty body is empty, so an answer without a body is held back instead.
      const half = given.body.length >> 1;
      if (fault === 'refuse-late') answer(response, refusal, refusal.body.length);
      else if (fault === 'cut-answer' && half > 0) answer(response, given, half, () => response.destroy());
      else if (fault === 'cut-late' || fault === 'cut-answer') response.destroy();
      else if (fault === 'stall-answer' && half > 0) answer(response, given, half);
      else if (fault !== 'stall-late' && fault !== 'stall-answer') answer(response, given, given.body.length);
    } finally {
      this.#forwarding--;
    }
  }
}

/**
 * Starts a proxy in front of `target`, an endpoint; it ends with the test `t`. `pathOf` maps the
 * client's path and query to those that the server gets.
 */
export const startStoreFaultProxy = async (
  t: TestContext,
  target: string,
  plan: FaultPlan = () => undefined,
  pathOf = (path: string): string => path,
): Promise<StoreFaultProxy> => {
  const proxy = new SpoilingProxy(target, plan, pathOf);
  const { server } = proxy;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  cleanUp(t, async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return proxy;
};
