// Answers a GET or HEAD with a representation whose size and validators are known before its bytes
// are read: in whole, in part, or with the information that the client already has it (RFC 9110
// sections 13 and 14). Large representations are read in pieces, no faster than the client takes
// them.
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { HayateError } from '../kernel/error.ts';
import { type ByteRange, selectRange } from './byte-range.ts';
import { formatHttpDate } from './http-date.ts';
import { evaluatePreconditions, ifRangeHolds, type Validators } from './precondition.ts';

export interface Representation extends Validators {
  /** Bytes. */
  readonly size: number;
  /** Header fields of every answer, including 304: Cache-Control, Vary. */
  readonly headers: Readonly<Record<string, string>>;
  /** Header fields that describe the content: Content-Type, Content-Encoding. */
  readonly contentHeaders: Readonly<Record<string, string>>;
  /** The bytes of a part, or of the whole. Not called for HEAD. */
  read(range: ByteRange): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>;
}

/** The answer. Throws HayateError PRECONDITION_FAILED or RANGE_NOT_SATISFIABLE. */
export async function answerRepresentation(context: Context, representation: Representation): Promise<Response> {
  const { size, etag, modifiedMs, headers, contentHeaders } = representation;
  const header = (name: string) => context.req.header(name);
  const state = {
    ETag: etag,
    ...(modifiedMs === undefined ? {} : { 'Last-Modified': formatHttpDate(modifiedMs) }),
    ...headers,
  };
  const outcome = evaluatePreconditions(header, representation);
  if (outcome === 'failed') throw new HayateError('PRECONDITION_FAILED', "its state does not match the request's precondition");
  if (outcome === 'not-modified') return context.body(null, 304, state);
  const sent = { 'Accept-Ranges': 'bytes', ...state, ...contentHeaders };
  // Ranges are defined only for GET.
  if (context.req.method === 'HEAD') return context.body(null, 200, { ...sent, 'Content-Length': String(size) });
  const range = ifRangeHolds(header('If-Range'), representation) ? selectRange(header('Range'), size) : undefined;
  if (range === 'outside') {
    context.header('Content-Range', `bytes */${size}`);
    throw new HayateError('RANGE_NOT_SATISFIABLE', `the range lies outside: it has ${size} bytes`);
  }
  const { offset, length } = range ?? { offset: 0, length: size };
  const body = await representation.read({ offset, length });
  const lengths = { ...sent, 'Content-Length': String(length) };
  if (range === undefined) return context.body(body, 200, lengths);
  return context.body(body, 206, { ...lengths, 'Content-Range': `bytes ${offset}-${offset + length - 1}/${size}` });
}

/** A representation in memory. Its entity tag is a digest of its bytes. */
export function representationOf(
  bytes: Uint8Array<ArrayBuffer>,
  parts: Pick<Representation, 'headers' | 'contentHeaders'> & { etag?: string },
): Representation {
  return {
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`,
    ...parts,
    size: bytes.length,
    read: ({ offset, length }) => bytes.subarray(offset, offset + length),
  };
}
