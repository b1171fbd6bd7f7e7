// A path in, the page it names out, and back. The server gives the same index.html for all of them (api/page-routes.ts); for
// /scale only the demonstration that the page belongs to does (demo/scale/).
import { epochFromText, isStreamName } from '@hayate/protocol';

/** A page, with what its path says. */
export type Route =
  | { page: 'front' }
  | { page: 'studio' }
  | { page: 'watch'; stream: string }
  | { page: 'past' }
  | { page: 'replay'; stream: string; epoch: string }
  | { page: 'scale' }
  | { page: 'missing' };

/** The page at `path` (URL.pathname); a trailing slash does not matter. */
export function routeOf(path: string): Route {
  const [first = '', second, ...rest] = path.replace(/^\/+|\/+$/g, '').split('/');
  if (first === '' && second === undefined) return { page: 'front' };
  if (first === 'studio' && second === undefined) return { page: 'studio' };
  if (first === 'watch' && second !== undefined && rest.length === 0 && isStreamName(second)) return { page: 'watch', stream: second };
  if (first === 'past' && second === undefined) return { page: 'past' };
  if (first === 'past' && second !== undefined && isStreamName(second) && rest.length === 1 && epochFromText(rest[0] ?? '') !== undefined)
    return { page: 'replay', stream: second, epoch: rest[0] ?? '' };
  if (first === 'scale' && second === undefined) return { page: 'scale' };
  return { page: 'missing' };
}

/** The path of a stream's page. */
export function watchPath(stream: string): string {
  return `/watch/${stream}`;
}

/** The path of a past broadcast's replay. */
export function replayPath({ stream, epoch }: { stream: string; epoch: string }): string {
  return `/past/${stream}/${epoch}`;
}
