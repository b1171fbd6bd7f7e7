// Answers bytes that are not an HTTP request. In: the error of Node's parser, of its timeouts or of
// TLS. Out: a refusal that says what the bytes look like. Most come from a wrong setup: TLS or
// HTTP/2 towards a plain port, or a balancer that sends the PROXY protocol.
import { maxHeaderSize } from 'node:http';
import { Limits } from '@hayate/protocol';
import type { Refusal } from './refusal.ts';

/** The error as Node's servers emit it: `rawPacket` is the last chunk read. */
export interface RequestError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

const HEADERS_TOO_LARGE = `the request's headers hold more than ${maxHeaderSize} bytes; a token has at most ${Limits.tokenCharactersMax} characters`;
const TLS_HANDSHAKE = 0x16;
const PROXY_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const REQUEST_LINE = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+ \S+ HTTP\/1\.[01]\r?\n/;
/**
 * A target that runs to the end of the chunk, or that is too long to leave room for other headers.
 */
const LONG_TARGET = /^(?:[A-Z]+ )?\S{8192,}/;

/** The answer; undefined: no client is left to answer, and the socket is only closed. */
export function refusalOf({ code = '', rawPacket }: Pick<RequestError, 'code' | 'rawPacket'>): Refusal | undefined {
  const head = rawPacket?.subarray(0, 16_384).toString('latin1') ?? '';
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, reason: 'request_timeout', message: 'the request did not arrive in time' };
    case 'HPE_HEADER_OVERFLOW':
      return LONG_TARGET.test(head)
        ? { status: 414, reason: 'target_too_long', message: "the request's target is too long" }
        : { status: 431, reason: 'headers_too_large', message: HEADERS_TOO_LARGE };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, reason: 'malformed_request', message: "the request's chunk extensions are too large" };
    case 'HPE_PAUSED_H2_UPGRADE':
    case 'HPE_INVALID_VERSION':
      return { status: 505, reason: 'http_version', message: 'this server speaks HTTP/1.1' };
    case 'HPE_INVALID_METHOD':
      return refusalOfMethod(head, rawPacket);
    case 'ERR_SSL_HTTP_REQUEST':
      return { status: 400, reason: 'http_on_tls_port', message: 'this port speaks HTTPS' };
    default:
      if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO')
        return { status: 400, reason: 'tls_handshake', message: 'the TLS handshake failed' };
      if (code.startsWith('HPE_')) return { status: 400, reason: 'malformed_request', message: 'this is not an HTTP request' };
      return undefined;
  }
}

function refusalOfMethod(head: string, packet: Buffer | undefined): Refusal {
  const malformed = (reason: string, message: string): Refusal => ({ status: 400, reason, message });
  if (packet?.[0] === TLS_HANDSHAKE && packet[1] === 3) return malformed('tls_on_http_port', 'this port speaks plain HTTP, not TLS');
  if (head.startsWith('PROXY ') || packet?.subarray(0, PROXY_V2.length).equals(PROXY_V2) === true)
    return malformed('proxy_protocol', 'this server does not support the PROXY protocol');
  if (REQUEST_LINE.test(head)) return { status: 501, reason: 'method', message: 'this server does not implement the method' };
  return malformed('malformed_request', 'this is not an HTTP request');
}
