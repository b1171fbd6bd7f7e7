// Checks the form of a request before anything else reads it. In: a request as Node parsed it. Out:
// the same request with its target in origin form and its Host in canonical form, or the reason why
// it is refused (RFC 9112 section 3, RFC 9110 section 7).
import type { IncomingMessage } from 'node:http';
import type { Refusal } from './refusal.ts';

/**
 * Node silently drops headers beyond its own limit, even one that a proxy added. So Node's limit is
 * off, and this one refuses.
 */
const HEADERS_MAX = 100;

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** RFC 3986 section 3.2.2, with or without a port. */
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:\d*)?$/;
/** Hosts that URL leaves unchanged: nearly all of them. */
const CANONICAL_HOST = /^[a-z][a-z0-9-]*(\.[a-z0-9-]*[a-z][a-z0-9-]*)*(:[1-9]\d{2,3})?$/;

const ABSOLUTE_FORM = /^(?:https?|wss?):\/\/([^/?#]*)([^#]*)/i;

/** The path of a request's target, without the query; the target may be in absolute form. */
export function pathOf(target: string): string {
  const [, , rest] = ABSOLUTE_FORM.exec(target) ?? ['', '', target];
  const path = (rest ?? '').split('?', 1)[0] ?? '';
  return path === '' ? '/' : path;
}

/** Refuses a request, or converts it to the one form that the application reads. */
export function settleRequest(request: IncomingMessage): Refusal | undefined {
  if (request.httpVersionMajor !== 1) return refusal(505, 'http_version', 'this server speaks HTTP/1.1');
  if (request.rawHeaders.length > HEADERS_MAX * 2)
    return refusal(431, 'too_many_headers', `a request may have at most ${HEADERS_MAX} headers`);
  if (!METHODS.has(request.method ?? '')) return refusal(501, 'method', 'this server does not implement the method');
  return settleTarget(request) ?? settleHost(request);
}

function settleTarget(request: IncomingMessage): Refusal | undefined {
  const target = request.url ?? '';
  const absolute = ABSOLUTE_FORM.exec(target);
  if (absolute !== null) {
    // RFC 9112 section 3.2.2: the target names the host, and the header is ignored.
    const [, authority = '', rest = ''] = absolute;
    request.url = rest.startsWith('/') ? rest : `/${rest}`;
    if (authority === '') return refusal(400, 'host_malformed', "the request's target names no host");
    if (headerCount(request, 'host') > 1) return duplicateHost();
    setHost(request, authority);
    return undefined;
  }
  if (target === '*' && request.method === 'OPTIONS') request.url = '/';
  else if (!target.startsWith('/')) return refusal(400, 'malformed_request', "the request's target is not a path");
  return undefined;
}

function settleHost(request: IncomingMessage): Refusal | undefined {
  const { host } = request.headers;
  if (host === undefined) {
    // RFC 9112 section 3.2: required from HTTP/1.1 on. Health checks by HTTP/1.0 have none.
    return request.httpVersionMinor === 0 ? undefined : refusal(400, 'host_missing', 'the request has no Host header');
  }
  if (headerCount(request, 'host') > 1) return duplicateHost();
  if (host === '' || CANONICAL_HOST.test(host)) return undefined;
  const scheme = 'encrypted' in request.socket && request.socket.encrypted ? 'https' : 'http';
  const url = HOST.test(host) ? URL.parse(`${scheme}://${host}`) : null;
  if (url === null) return refusal(400, 'host_malformed', 'the Host header names no host');
  setHost(request, url.host);
  return undefined;
}

function headerCount({ rawHeaders }: IncomingMessage, name: string): number {
  return rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

function setHost(request: IncomingMessage, host: string): void {
  request.headers.host = host;
  const at = request.rawHeaders.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'host');
  if (at < 0) request.rawHeaders.push('Host', host);
  else request.rawHeaders[at + 1] = host;
}

function duplicateHost(): Refusal {
  return refusal(400, 'host_malformed', 'the request has more than one Host header');
}

function refusal(status: number, reason: string, message: string): Refusal {
  return { status, reason, message };
}
