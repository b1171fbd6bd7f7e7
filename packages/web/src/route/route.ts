// A path in, its page out, and back. The server serves the same index.html for all of them
// (api/page-routes.ts). Only the demonstration (demo/scale/) serves /scale, which belongs to it.
import { cleanText, epochFromText, isStreamName, truncateText } from '@hayate/protocol';

/** Longest part of an invalid name that is shown, UTF-16 code units. */
const NAME_SHOWN_MAX = 80;

/** A page and the parameters in its path. */
export type Route =
  | { page: 'front' }
  | { page: 'studio' }
  | { page: 'watch'; stream: string }
  | { page: 'past' }
  | { page: 'replay'; stream: string; epoch: string }
  | { page: 'scale' }
  | { page: 'missing' /** The text in place of a stream's name, to show. */; name?: string };

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
  const name = (first === 'watch' || first === 'past') && second !== undefined && !isStreamName(second) ? shownName(second) : '';
  return { page: 'missing', ...(name === '' ? {} : { name }) };
}

/** A path segment as people read it; unchanged if it is not UTF-8. Long ones are cut. */
function shownName(segment: string): string {
  let name = segment;
  try {
    name = decodeURIComponent(segment);
  } catch {}
  return truncateText(cleanText(name), NAME_SHOWN_MAX);
}

/** The path of a stream's page. */
export function watchPath(stream: string): string {
  return `/watch/${stream}`;
}

/** The path of a past broadcast's replay. */
export function replayPath({ stream, epoch }: { stream: string; epoch: string }): string {
  return `/past/${stream}/${epoch}`;
}
