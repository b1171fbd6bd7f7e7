// Turns a server's address as people write it, with or without a path, into the address of an
// endpoint.
import { ClientError } from '../client-error.ts';

/**
 * `http://host/prefix` and `/publish` to `ws://host/prefix/publish`. Throws ClientError INVALID for
 * text that is not an address.
 */
export function endpointUrl(server: string, path: string): string {
  return `ws${below(server, path)}`;
}

/**
 * `ws://host/prefix/` and `/api/streams` to `http://host/prefix/api/streams`. Throws like
 * endpointUrl.
 */
export function apiUrl(server: string, path: string): string {
  return `http${below(server, path)}`;
}

/** The address without the first part of its scheme: `s://host/prefix/publish`. */
function below(server: string, path: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !/^[^:]+:\/\//.test(server))
    throw new ClientError('INVALID', `"${server}" is not the address of a server, such as http://localhost:8080.${hint(server)}`);
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  if (!secure && url.protocol !== 'http:' && url.protocol !== 'ws:')
    throw new ClientError('INVALID', `A server's address must begin with http:// or https://, not ${url.protocol}//.`);
  return `${secure ? 's' : ''}://${url.host}${url.pathname.replace(/\/+$/, '')}${path}`;
}

/** A hint at the likely mistake in an invalid address. */
function hint(server: string): string {
  const [, scheme, host = ''] = /^([a-z]+:\/\/)?([^/]*)/i.exec(server) ?? [];
  if (/^\[?[\da-f.]*:[\da-f.:]*%/i.test(host)) return ' A URL cannot hold a zone (%): use another address of the server.';
  if (/^[\da-f.]*:[\da-f.]*:/i.test(host)) return ' An IPv6 address needs brackets: http://[::1]:8080.';
  return scheme === undefined ? ' It must begin with http:// or https://.' : '';
}
