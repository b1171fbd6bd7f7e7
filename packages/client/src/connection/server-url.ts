// A server's address as people write it, to the address of one of its WebSocket endpoints.
import { ClientError } from '../client-error.ts';

/** `http://host/prefix` and `/publish` to `ws://host/prefix/publish`. Throws ClientError INVALID for anything that is not an address. */
export function endpointUrl(server: string, path: string): string {
  let url: URL;
  try {
    url = new URL(server);
  } catch (cause) {
    throw new ClientError('INVALID', `"${server}" is not the address of a server, such as http://localhost:8080.`, { cause });
  }
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  if (!secure && url.protocol !== 'http:' && url.protocol !== 'ws:')
    throw new ClientError('INVALID', `A server's address begins with http:// or https://, not ${url.protocol}//.`);
  return `${secure ? 'wss' : 'ws'}://${url.host}${url.pathname.replace(/\/+$/, '')}${path}`;
}
