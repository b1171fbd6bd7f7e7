// A request that is refused before it reaches the application: an HTTP status, a reason for the
// metrics and a sentence for people. The answer has the form of every error of the HTTP API. It is
// sent through Node's response or, where there is none, on the bare socket.
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';

/** Why a request is refused. */
export interface Refusal {
  readonly status: number;
  /** From a closed set: the label of a metric and, in capitals, the code of the error. */
  readonly reason: string;
  /** One sentence, without any data from the client. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long a refused client may take to close its end before the socket is destroyed. */
const LINGER_MS = 2_000;

function bodyOf({ reason, message }: Refusal): string {
  return JSON.stringify({ error: { code: reason.toUpperCase(), message } });
}

/** Refuses through `response`. The connection stays usable. */
export function refuseRequest(response: ServerResponse, refusal: Refusal): void {
  const body = bodyOf(refusal);
  response.writeHead(refusal.status, {
    ...refusal.headers,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

/** Refuses on a socket that has no response, and closes it. */
export function refuseSocket(socket: Duplex, refusal: Refusal, clock: Clock): void {
  const body = bodyOf(refusal);
  const { Connection: connection = '', ...others } = refusal.headers ?? {};
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    `Connection: ${connection === '' ? 'close' : `${connection}, close`}`,
    ...Object.entries(others).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  closeSocket(socket, clock, `${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Writes the `last` bytes and closes the socket: when the client closes, or after a moment. */
export function closeSocket(socket: Duplex, clock: Clock, last = ''): void {
  socket.on('error', () => socket.destroy());
  socket.end(last);
  // Closing with unread bytes would reset the connection, and the client might lose the answer.
  socket.resume();
  socket.once(
    'close',
    clock.after(LINGER_MS, () => socket.destroy()),
  );
}
