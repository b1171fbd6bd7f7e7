// Conditional requests (RFC 9110 section 13). In: a GET or HEAD request's header fields and the validators of what it asks
// for. Out: whether the content is sent, is known to the client, or must not be sent.
import { formatHttpDate, parseHttpDate } from './http-date.ts';

/** What tells one state of a representation from another. */
export interface Validators {
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  /** Unix milliseconds. */
  readonly modifiedMs?: number | undefined;
}

/** A header field of the request; undefined if it has none of this name. */
export type ReadHeader = (name: string) => string | undefined;

/** What the preconditions say, in the order of section 13.2.2: go on, answer 304, or answer 412. */
export function evaluatePreconditions(header: ReadHeader, { etag, modifiedMs }: Validators): 'proceed' | 'not-modified' | 'failed' {
  const ifMatch = header('If-Match');
  const unmodifiedSince = dateOf(header('If-Unmodified-Since'));
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, (tag) => tag === etag)) return 'failed';
  } else if (unmodifiedSince !== undefined && modifiedMs !== undefined && wholeSeconds(modifiedMs) > unmodifiedSince) return 'failed';
  const ifNoneMatch = header('If-None-Match');
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, (tag) => opaque(tag) === etag) ? 'not-modified' : 'proceed';
  const modifiedSince = dateOf(header('If-Modified-Since'));
  const unchanged = modifiedSince !== undefined && modifiedMs !== undefined && wholeSeconds(modifiedMs) <= modifiedSince;
  return unchanged ? 'not-modified' : 'proceed';
}

/** Whether a Range applies (section 13.1.5): no If-Range, or one that names exactly this state. */
export function ifRangeHolds(ifRange: string | undefined, { etag, modifiedMs }: Validators): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  return text === etag || (modifiedMs !== undefined && text === formatHttpDate(modifiedMs));
}

/** Whether `*` or a list of entity tags holds one that `is` accepts. A list that is malformed holds none. */
function matches(text: string, is: (tag: string) => boolean): boolean {
  return text.trim() === '*' || (readTags(text)?.some(is) ?? false);
}

/** The tags of a list, with `W/` and quotes; commas may stand inside of quotes, and elements may be empty (section 5.6.1.2). */
function readTags(text: string): string[] | undefined {
  const element = /[ \t]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?[ \t]*(?:,|$)/y;
  const tags: string[] = [];
  while (element.lastIndex < text.length) {
    const match = element.exec(text);
    if (match === null) return undefined;
    if (match[1] !== undefined) tags.push(match[1]);
  }
  return tags;
}

/** Without the mark of a weak tag: how tags are compared where weak ones may match. */
function opaque(tag: string): string {
  return tag.replace(/^W\//, '');
}

function dateOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseHttpDate(text.trim());
}

/** Dates on the wire have no fractions. */
function wholeSeconds(unixMs: number): number {
  return Math.floor(unixMs / 1000) * 1000;
}
