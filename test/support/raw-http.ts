// In: raw bytes for a server's port, as no client would write them, or exactly as one does. Out:
// the answers, read one by one according to RFC 9112 section 6, over a connection that the test can
// continue to use.
import { connect as connectPlain } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { cleanUp } from './clean-up.ts';
import { poll } from './poll.ts';

/** One answer. */
interface RawResponse {
  readonly status: number;
  /** By name in lower case; for a repeated header, the last value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One connection. */
export interface RawConnection {
  send(bytes: string | Uint8Array): void;
  /** The next answer, including informational ones. `hasBody`: false for the answer to HEAD. */
  response(options?: { hasBody?: boolean }): Promise<RawResponse>;
  /** Sends bytes and resolves to the next answer. */
  ask(bytes: string | Uint8Array): Promise<RawResponse>;
  /** Resolves when the server has closed its end. */
  closed(): Promise<true>;
  /** Whether the server has closed its end. */
  isClosed(): boolean;
  /** Received bytes that are not part of an answer. */
  rest(): string;
}

/**
 * Splits off one whole answer; undefined while it is incomplete. Without a length the answer ends
 * with the connection.
 */
function parse(text: string, hasBody: boolean, ended: boolean): { response: RawResponse; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()]),
  );
  const bodyAt = headEnd + 4;
  const give = (body: string, length: number) => ({ response: { status, headers, body }, length });
  if (!hasBody || status < 200 || status === 204 || status === 304) return give('', bodyAt);
  if (headers['transfer-encoding'] === 'chunked') {
    let [at, body] = [bodyAt, ''];
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at);
      if (lineEnd < 0) return undefined;
      const size = Number.parseInt(text.slice(at, lineEnd), 16);
      const next = lineEnd + 2 + size + 2;
      if (text.length < next) return undefined;
      body += text.slice(lineEnd + 2, lineEnd + 2 + size);
      at = next;
      if (size === 0) return give(body, at);
    }
  }
  const { 'content-length': length } = headers;
  if (length === undefined) return ended ? give(text.slice(bodyAt), text.length) : undefined;
  const end = bodyAt + Number(length);
  return text.length < end ? undefined : give(text.slice(bodyAt, end), end);
}

/**
 * Opens a connection to the server at `url`, which is closed when the test ends. Until then our own
 * end stays open.
 */
export function openRaw(t: TestContext, url: string): RawConnection {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname === 'localhost' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '');
  const where = { host, port: Number(port), allowHalfOpen: true };
  const socket = protocol === 'https:' ? connectTls({ ...where, rejectUnauthorized: false }) : connectPlain(where);
  let text = '';
  let ended = false;
  const end = () => {
    ended = true;
  };
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  socket
    .on('error', () => undefined)
    .on('end', end)
    .on('close', end);
  cleanUp(t, () => {
    socket.destroy();
  });
  const response = async ({ hasBody = true } = {}) => {
    const { response, length } = await poll('an answer', () => {
      const parsed = parse(text, hasBody, ended);
      if (parsed === undefined && ended) throw new Error(`the connection has ended with ${JSON.stringify(text)}`);
      return parsed;
    });
    text = text.slice(length);
    return response;
  };
  const send = (bytes: string | Uint8Array) => void socket.write(bytes);
  return {
    send,
    response,
    ask: async (bytes) => {
      send(bytes);
      return response();
    },
    closed: () => poll('the server to close the connection', () => ended || undefined),
    isClosed: () => ended,
    rest: () => text,
  };
}
