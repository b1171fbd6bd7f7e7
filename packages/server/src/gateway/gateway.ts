// The process's public door: one port for pages, HTTP API and WebSocket endpoints. Knows paths, not what is behind them.
// A slow or broken handshake is refused with an HTTP status and counted; it never reaches a role.
import { createServer as createHttpServer, type IncomingMessage, maxHeaderSize, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Limits, SUBPROTOCOL } from '@hayate/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { HayateError } from '../kernel/error.ts';
import type { ConnectionMetrics } from './connection-metrics.ts';
import { listenFailure } from './listen-address.ts';

/** Takes an upgraded socket; `netSocket` is what lies under it, for who writes prepared WebSocket messages. */
export type AcceptSocket = (socket: WebSocket, netSocket: Socket) => void;

export interface GatewayOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** PEM; present: HTTPS. */
  tls?: { key: string; cert: string };
  /** WebSocket endpoints by path. */
  endpoints: ReadonlyMap<string, AcceptSocket>;
  /** Everything that is not an upgrade. */
  request: RequestListener;
  /** Open sockets at most, HTTP and WebSocket together; more are refused with 503. */
  connectionsMax: number;
  /** A request's headers must be complete in this time, or 408. */
  handshakeTimeoutMs: number;
  /** Other processes have the same port: it is left to them as soon as this one drains. */
  sharesPort?: boolean;
  metrics: ConnectionMetrics;
}

/** The listening gateway. */
export class Gateway {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: Limits.clientMessageBytesMax,
    handleProtocols: () => SUBPROTOCOL,
    clientTracking: true,
  });
  readonly #options: GatewayOptions;
  #draining = false;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    const timeouts = {
      headersTimeout: options.handshakeTimeoutMs,
      requestTimeout: options.handshakeTimeoutMs * 3,
      connectionsCheckingInterval: Math.max(250, options.handshakeTimeoutMs / 4),
    };
    this.#server =
      options.tls === undefined
        ? createHttpServer(timeouts, options.request)
        : createHttpsServer({ ...timeouts, ...options.tls }, options.request);
    this.#server.maxHeadersCount = 100;
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
      }
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') refuse(socket, options.metrics, 408, 'request_timeout');
      else if (error.code === 'HPE_HEADER_OVERFLOW') refuse(socket, options.metrics, 431, 'headers_too_large');
      else refuse(socket, options.metrics, 400, 'malformed_request');
    });
    this.#server.maxConnections = options.connectionsMax;
    // In a cluster Node would else offer the socket to one worker after the other for ever.
    Object.assign(this.#server, { dropMaxConnection: true });
    this.#server.on('drop', () => options.metrics.refusedUpgrade('too_many_connections'));
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

  /** New upgrades are refused from now on; plain requests (readiness, metrics) are still answered, unless others have the port too. */
  drain(): void {
    this.#draining = true;
    if (this.#options.sharesPort === true) this.#server.close();
  }

  /** Closes the port and whatever is still open. */
  async close(): Promise<void> {
    this.#draining = true;
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const { metrics, endpoints } = this.#options;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const accept = endpoints.get(path);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    // Node's own servers give no other kind of stream.
    if (!(socket instanceof Socket)) socket.destroy();
    else if (accept === undefined) refuse(socket, metrics, 404, 'unknown_path');
    else if (request.url !== path) refuse(socket, metrics, 400, 'query_not_allowed');
    else if (this.#draining) refuse(socket, metrics, 503, 'draining');
    else if (!offered.includes(SUBPROTOCOL)) refuse(socket, metrics, 400, 'subprotocol_missing');
    else {
      socket.setNoDelay(true);
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => accept(webSocket, socket));
    }
  }
}

const STATUS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
};

/** What the status alone does not tell. */
const SENTENCE: Readonly<Record<string, string>> = {
  headers_too_large: `the request's headers hold more than ${maxHeaderSize} bytes; a token has at most ${Limits.tokenCharactersMax} characters`,
};

function refuse(socket: Duplex, metrics: ConnectionMetrics, status: number, reason: string): void {
  metrics.refusedUpgrade(reason);
  const message = SENTENCE[reason] ?? STATUS[status] ?? '';
  const body = JSON.stringify({ error: { code: reason.toUpperCase(), message } });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS[status]}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
