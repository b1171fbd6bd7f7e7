// The server of one scenario. In: upgrade requests. Out: connections, in order. It can refuse
// upgrades with a status, and judges each upgrade request (C1).
import { once } from 'node:events';
import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PATHS, SUBPROTOCOL } from '@hayate/protocol';
import { WebSocketServer } from 'ws';
import { HayateError } from '../kernel/error.ts';
import { Connection } from './connection.ts';
import type { Verdict } from './verdict.ts';

/** One upgrade request. */
export interface Attempt {
  readonly atMs: number;
  /** The resulting connection; undefined if the request was refused. */
  readonly connection: Connection | undefined;
}

interface KitServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The endpoint that the client should request. */
  readonly path: string;
  readonly verdict: Verdict;
  readonly onChange: () => void;
}

/** A client's message has at most 256 KiB. The WebSocket server refuses larger ones with 1009. */
const MESSAGE_BYTES_MAX = 262_144;

/** A WebSocket server for one client at a time. */
export class KitServer {
  readonly attempts: Attempt[] = [];
  /** Statuses with which the next upgrades are refused, in order. */
  readonly refusals: number[] = [];
  readonly #options: KitServerOptions;
  readonly #http = createServer((_request, response) => response.writeHead(426).end());
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });

  constructor(options: KitServerOptions) {
    this.#options = options;
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  get connections(): Connection[] {
    return this.attempts.flatMap(({ connection }) => (connection === undefined ? [] : [connection]));
  }

  /** Listens; resolves to the port. Throws HayateError CONFIGURATION if that fails. */
  async open(): Promise<number> {
    const { host, port } = this.#options;
    this.#http.listen(port, host);
    await once(this.#http, 'listening').catch((cause: unknown) => {
      throw new HayateError('CONFIGURATION', `cannot listen on ${host}:${port}`, { cause });
    });
    return (this.#http.address() as AddressInfo).port;
  }

  /** Breaks every connection and stops listening. */
  async close(): Promise<void> {
    for (const connection of this.connections) connection.cut();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { path, verdict, onChange } = this.#options;
    const atMs = performance.now();
    socket.on('error', () => undefined);
    const target = request.url ?? '';
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    verdict.check('C1', offered.includes(SUBPROTOCOL), `the upgrade offers no subprotocol ${SUBPROTOCOL}`);
    verdict.check('C1', target === path, `the upgrade is for ${shown(target)} and not for ${path}`);
    const status = this.refusals.shift();
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      this.attempts.push({ atMs, connection: undefined });
      onChange();
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new Connection({ socket: webSocket, path, verdict, onChange });
      this.attempts.push({ atMs, connection });
      onChange();
    });
  }
}

/** A request target with possible secrets removed. */
function shown(target: string): string {
  const [path = ''] = target.split('?');
  const name = Object.values(PATHS).find((known) => path.endsWith(known)) ?? 'another path';
  return target.includes('?') ? `${name} with a query` : name === path ? name : `…${name}`;
}
