// The process's public port: pages, HTTP API and WebSocket endpoints. It knows paths, but not what
// serves them. A slow or broken request is refused with an HTTP status and counted; it never
// reaches a role.
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Limits, SUBPROTOCOL } from '@hayate/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../kernel/clock.ts';
import { HayateError } from '../kernel/error.ts';
import type { AddressRate } from './address-rate.ts';
import { type RequestError, refusalOf } from './broken-request.ts';
import type { CertificatePair } from './certificate-files.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';
import { offersWebSocket, refusalOfHandshake, refusalOfPlainRequest } from './handshake.ts';
import { IdleRequests } from './idle-requests.ts';
import { listenFailure } from './listen-address.ts';
import { LoadLimiter } from './load-limiter.ts';
import { PENDING_REFUSALS_MAX } from './pending-refusals.ts';
import { ReadTurns } from './read-turns.ts';
import { closeSocket, type Refusal, refuseRequest, refuseSocket } from './refusal.ts';
import { pathOf, settleRequest } from './request-form.ts';

/**
 * Takes an upgraded socket; `netSocket` carries it, for roles that write prepared WebSocket
 * messages.
 */
export type AcceptSocket = (socket: WebSocket, netSocket: Socket) => void;

interface GatewayOptions {
  clock: Clock;
  host: string;
  /** 0: any free port. */
  port: number;
  /** If present, the port speaks HTTPS. */
  tls?: CertificatePair;
  /** WebSocket endpoints by path. */
  endpoints: ReadonlyMap<string, AcceptSocket>;
  /** Takes every request that does not open a WebSocket. */
  request: RequestListener;
  /**
   * Maximum number of open sockets, HTTP and WebSocket together. A few more are answered with 503;
   * the rest are closed at once.
   */
  connectionsMax: number;
  /** A request's headers must be complete within this time; otherwise 408. */
  handshakeTimeoutMs: number;
  /** How long a connection stays open for another HTTP request. Default: 75 s. */
  keepAliveTimeoutMs?: number;
  /** Other processes share the port. This one leaves it to them as soon as it drains. */
  sharesPort?: boolean;
  /** The limit for each address; undefined: there is none. */
  addressRate?: AddressRate;
  metrics: ConnectionMetrics;
}

/**
 * Fragments of one message. The server sees none before the last, so no other limit counts them.
 */
const FRAGMENTS_MAX = 128;
/** Network reads that may hold parts of one frame. Small segments carry at least 500 bytes. */
const SEGMENTS_MAX = 4_096;
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const DRAINING: Refusal = { status: 503, reason: 'draining', message: 'the server is shutting down' };
const NO_TUNNEL: Refusal = { status: 501, reason: 'method', message: 'this server is not a proxy' };
const UNKNOWN_ENDPOINT = 'unknown_path';

/** The listening gateway. */
export class Gateway {
  readonly #server: Server | HttpsServer;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: Limits.clientMessageBytesMax,
    // Connection answers pings itself, within the limits of its client.
    autoPong: false,
    maxFragments: FRAGMENTS_MAX,
    maxBufferedChunks: SEGMENTS_MAX,
    handleProtocols: () => SUBPROTOCOL,
    clientTracking: true,
  });
  readonly #options: GatewayOptions;
  /** Sockets on which a response is being written. */
  readonly #answering = new WeakMap<Duplex, ServerResponse>();
  /** Refused sockets. Data that their parser still reads is ignored. */
  readonly #refused = new WeakSet<Duplex>();
  readonly #reads = new WeakMap<Duplex, ReadTurns>();
  readonly #load: LoadLimiter;
  #draining = false;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, connectionsMax, addressRate, tls, metrics } = options;
    this.#load = new LoadLimiter({ clock, connectionsMax, addressRate, isTls: tls !== undefined, metrics });
    const settings = {
      headersTimeout: options.handshakeTimeoutMs,
      requestTimeout: options.handshakeTimeoutMs * 3,
      connectionsCheckingInterval: Math.max(250, options.handshakeTimeoutMs / 4),
      keepAliveTimeout: options.keepAliveTimeoutMs ?? KEEP_ALIVE_TIMEOUT_MS,
      // settleRequest checks both and answers.
      requireHostHeader: false,
      shouldUpgradeCallback: (request: IncomingMessage) => this.#opensWebSocket(request),
    };
    const answer: RequestListener = (request, response) => this.#answer(request, response);
    this.#server =
      options.tls === undefined ? createHttpServer(settings, answer) : createHttpsServer({ ...settings, ...options.tls }, answer);
    this.#server.maxHeadersCount = 0;
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('connect', (_request, socket) => this.#refuse(socket, NO_TUNNEL));
    this.#server.on('clientError', (error: RequestError, socket) => this.#fail(error, socket));
    this.#server.on('connection', (socket: Socket) => this.#load.open(socket));
    this.#server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#reads.set(socket, new ReadTurns(socket, clock));
    });
    this.#server.maxConnections = options.connectionsMax + PENDING_REFUSALS_MAX;
    // In a cluster, Node would otherwise offer the socket to one worker after another forever.
    Object.assign(this.#server, { dropMaxConnection: true });
    this.#server.on('drop', () => this.#load.drop());
    new IdleRequests(this.#server, connectionsMax, clock);
  }

  /** Resolves once the port is open. Rejects with HayateError IN_USE if it is taken. */
  static async listen(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    await new Promise<void>((resolve, reject) => {
      gateway.#server.once('error', (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'EADDRINUSE')
          reject(new HayateError('IN_USE', `port ${options.port} on ${options.host} is in use; choose another with --port`, { cause }));
        else reject(listenFailure(options.host, options.port, cause));
      });
      gateway.#server.listen(options.port, options.host, resolve);
    });
    return gateway;
  }

  /** The port in use. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that begin from now on use another certificate. Open connections keep theirs. */
  setCertificate(pair: CertificatePair): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(pair);
  }

  /**
   * From now on WebSocket handshakes are refused, and so is `OPTIONS /`, which balancers use as
   * their default check. Other requests (readiness, metrics) are still answered, each with
   * `Connection: close`, unless other processes share the port.
   */
  drain(): void {
    this.#draining = true;
    if (this.#options.sharesPort === true) this.#server.close();
  }

  /** Closes the port and all open sockets. */
  async close(): Promise<void> {
    this.#draining = true;
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #opensWebSocket(request: IncomingMessage): boolean {
    if (!offersWebSocket(request)) return false;
    if (this.#options.endpoints.has(pathOf(request.url ?? ''))) return true;
    this.#options.metrics.refusedUpgrade(UNKNOWN_ENDPOINT);
    return false;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = this.#load.admit(request, undefined, () => this.#beginUpgrade(request, socket, head));
    if (refusal !== undefined) refuseSocket(socket, refusal, this.#options.clock);
  }

  #beginUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (socket.destroyed) return;
    const refusal = settleRequest(request) ?? (this.#draining ? DRAINING : refusalOfHandshake(request));
    const accept = this.#options.endpoints.get(request.url ?? '');
    // Node's own servers always pass a Socket.
    if (!(socket instanceof Socket)) socket.destroy();
    else if (refusal !== undefined || accept === undefined) this.#refuse(socket, refusal ?? DRAINING);
    else {
      socket.setNoDelay(true);
      // The header was a list: `h2c, websocket`.
      request.headers.upgrade = 'websocket';
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#reads.get(socket)?.upgrade(() => webSocket.readyState !== webSocket.OPEN);
        accept(webSocket, socket);
      });
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    // Requests that follow a refusal that closes the connection are ignored.
    if (this.#refused.has(socket)) return;
    this.#answering.set(socket, response);
    response.once('finish', () => {
      if (this.#answering.get(socket) === response) this.#answering.delete(socket);
    });
    if (this.#draining) response.shouldKeepAlive = false;
    const refusal = this.#load.admit(request, response, () => this.#beginAnswer(request, response));
    if (refusal !== undefined) this.#refuseForLoad(response, refusal);
  }

  #beginAnswer(request: IncomingMessage, response: ServerResponse): void {
    if (response.destroyed) return;
    const refusal = settleRequest(request) ?? this.#refusalOf(request);
    if (refusal === undefined) this.#options.request(request, response);
    else {
      this.#options.metrics.refusedUpgrade(refusal.reason);
      refuseRequest(response, refusal);
    }
  }

  /** Refuses a request and closes the connection, so that a flood has to open another one. */
  #refuseForLoad(response: ServerResponse, refusal: Refusal): void {
    this.#refused.add(response.req.socket);
    this.#reads.get(response.req.socket)?.leave();
    response.shouldKeepAlive = false;
    refuseRequest(response, refusal);
  }

  #refusalOf(request: IncomingMessage): Refusal | undefined {
    const { method, url = '' } = request;
    if (this.#options.endpoints.has(pathOf(url))) return refusalOfPlainRequest(request);
    return this.#draining && method === 'OPTIONS' && url === '/' ? DRAINING : undefined;
  }

  /** Handles bytes that are not a request. A complete request before them still gets its answer. */
  #fail(error: RequestError, socket: Duplex): void {
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    const { code = '', rawPacket } = error;
    const piece = this.#reads.get(socket)?.whole ?? rawPacket;
    const refusal = refusalOf(piece === undefined ? { code } : { code, rawPacket: piece });
    if (refusal !== undefined) this.#options.metrics.refusedUpgrade(refusal.reason);
    const response = this.#answering.get(socket);
    if (refusal === undefined || !socket.writable) socket.destroy();
    else if (response === undefined || (!response.req.complete && !response.headersSent))
      refuseSocket(socket, refusal, this.#options.clock);
    else if (!response.req.complete) socket.destroy();
    else response.once('finish', () => closeSocket(socket, this.#options.clock));
  }

  #refuse(socket: Duplex, refusal: Refusal): void {
    this.#options.metrics.refusedUpgrade(refusal.reason);
    refuseSocket(socket, refusal, this.#options.clock);
  }
}
