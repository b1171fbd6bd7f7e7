// Decides which requests open a WebSocket. An `Upgrade` to anything else is ignored, and the
// request is answered as plain HTTP (RFC 9110 section 7.8), since some HTTP clients offer h2c by
// default. A handshake that cannot succeed is refused with a status that says why.
import type { IncomingMessage } from 'node:http';
import { SUBPROTOCOL } from '@hayate/protocol';
import type { Refusal } from './refusal.ts';

/** RFC 6455 section 4.1: 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
/** RFC 6455 section 4.2.1. */
const VERSION = '13';

/** The members of a header that is a list of tokens, in lower case. */
function tokens(value: string | undefined): string[] {
  return (value ?? '').split(',').map((token) => token.trim().toLowerCase());
}

/** Whether the client asks for a WebSocket in a form that must not be ignored: HTTP/1.1 and GET. */
export function offersWebSocket({ method, httpVersion, headers }: IncomingMessage): boolean {
  return method === 'GET' && httpVersion === '1.1' && tokens(headers.upgrade).includes('websocket');
}

/** Why a handshake with an endpoint fails; undefined: it succeeds. */
export function refusalOfHandshake({ url = '', headers }: IncomingMessage): Refusal | undefined {
  const version = headers['sec-websocket-version'];
  const versionHeader = { 'Sec-WebSocket-Version': VERSION };
  if (url.includes('?')) return { status: 400, reason: 'query_not_allowed', message: 'a WebSocket URL must have no query' };
  if (version !== VERSION)
    return version === undefined
      ? malformed('there is no Sec-WebSocket-Version', versionHeader)
      : { ...upgradeRequired(`the WebSocket version must be ${VERSION}`, versionHeader), reason: 'websocket_version' };
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return malformed('the Sec-WebSocket-Key is missing or malformed');
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(SUBPROTOCOL))
    return { status: 400, reason: 'subprotocol_missing', message: `the subprotocol ${SUBPROTOCOL} must be offered` };
  return undefined;
}

/**
 * Why an endpoint does not answer a request that is not a handshake; undefined for OPTIONS, which
 * the application answers.
 */
export function refusalOfPlainRequest({ method }: IncomingMessage): Refusal | undefined {
  if (method === 'OPTIONS') return undefined;
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, reason: 'method', message: 'this is a WebSocket endpoint', headers: { Allow: 'GET' } };
  return upgradeRequired('this is a WebSocket endpoint; a proxy in front of it must pass on the headers Upgrade and Connection');
}

/** RFC 9110 section 15.5.22: the answer names the protocol to upgrade to. */
function upgradeRequired(message: string, headers: Readonly<Record<string, string>> = {}): Refusal {
  return { status: 426, reason: 'upgrade_required', message, headers: { ...headers, Connection: 'Upgrade', Upgrade: 'websocket' } };
}

function malformed(message: string, headers: Readonly<Record<string, string>> = {}): Refusal {
  return { status: 400, reason: 'malformed_handshake', message, headers };
}
