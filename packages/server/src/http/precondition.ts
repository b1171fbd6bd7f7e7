// Conditional requests (RFC 9110 section 13). In: the header fields of a GET or HEAD request, and
// the validators of the representation. Out: whether to send the content, or to answer that the
// client has it or that a precondition failed.
import { formatHttpDate, parseHttpDate } from './http-date.ts';

/** Values that identify one state of a representation. */
export interface Validators {
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  /** Unix milliseconds. */
  readonly modifiedMs?: number | undefined;
}

/** Reads a header field of the request; undefined if there is none of this name. */
type ReadHeader = (name: string) => string | undefined;

/**
 * Evaluates the preconditions in the order of section 13.2.2: proceed, answer 304, or answer 412.
 */
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

/**
 * Whether a Range applies (section 13.1.5): there is no If-Range, or it names exactly this state.
 */
export function ifRangeHolds(ifRange: string | undefined, { etag, modifiedMs }: Validators): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  return text === etag || (modifiedMs !== undefined && text === formatHttpDate(modifiedMs));
}

/**
 * Whether the text is `*`, or a list with an entity tag that `is` accepts. A malformed list has
 * none.
 */
function matches(text: string, is: (tag: string) => boolean): boolean {
  return text.trim() === '*' || (readTags(text)?.some(is) ?? false);
}

/**
 * The tags of a list, with `W/` and quotes. Quoted text may hold commas, and elements may be empty
 * (section 5.6.1.2).
 */
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

/** The tag without its mark of weakness, for comparisons in which weak tags may match. */
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
