// Chooses the content coding of an answer (RFC 9110 section 12.5.3), and encodes bytes.
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { HayateError } from '../kernel/error.ts';

/**
 * Codings in the server's order of preference, for clients that have none: brotli is the smallest.
 */
export const Codings = ['br', 'gzip', 'identity'] as const;
export type Coding = (typeof Codings)[number];

const QVALUE = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * The best of `available` by an Accept-Encoding field; undefined if the client accepts none of
 * them, not even identity (406).
 */
export function chooseCoding(header: string | undefined, available: readonly Coding[] = Codings): Coding | undefined {
  // Without the field any coding is allowed; identity is the one that every client can read.
  if (header === undefined) return 'identity';
  const weights = readWeights(header);
  const weightOf = (coding: Coding): number => {
    const own = weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? weights.get('*');
    // A coding that is not listed is not wanted, except identity, which stays allowed unless it is
    // refused.
    return own ?? (coding === 'identity' ? 0.0001 : 0);
  };
  let best: Coding | undefined;
  for (const coding of Codings)
    if (available.includes(coding) && weightOf(coding) > (best === undefined ? 0 : weightOf(best))) best = coding;
  return best;
}

/** The weight of each coding. Malformed elements are skipped. */
function readWeights(header: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const element of header.split(',')) {
    const [name = '', ...parameters] = element.split(';').map((part) => part.trim());
    if (name === '' || parameters.length > 1) continue;
    const weight = parameters[0] === undefined ? '1' : (/^q=(.*)$/i.exec(parameters[0])?.[1] ?? '');
    if (QVALUE.test(weight)) weights.set(name.toLowerCase(), Number(weight));
  }
  return weights;
}

const compressGzip = promisify(gzip);
const compressBrotli = promisify(brotliCompress);
/** Compressing smaller answers, and unpacking them, takes longer than it saves in transfer. */
const COMPRESSED_BYTES_MIN = 1_024;

/** The same content in several codings; `identity` is always there. */
export type Forms = ReadonlyMap<Coding, Uint8Array<ArrayBuffer>>;

/** Content in one coding. */
export interface Encoded {
  readonly coding: Coding;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The available form that the client prefers. If it accepts none of them, one is made for it.
 * Throws HayateError NOT_ACCEPTABLE.
 */
export async function inCoding(forms: Forms, acceptEncoding: string | undefined): Promise<Encoded> {
  return make(forms, chooseCoding(acceptEncoding, [...forms.keys()]) ?? chooseCoding(acceptEncoding));
}

/**
 * Content generated for this request, compressed if that is worth it and the client accepts it.
 * Throws HayateError NOT_ACCEPTABLE.
 */
export async function compressed(bytes: Uint8Array<ArrayBuffer>, acceptEncoding: string | undefined): Promise<Encoded> {
  const forms: Forms = new Map([['identity', bytes]]);
  return bytes.length < COMPRESSED_BYTES_MIN ? inCoding(forms, acceptEncoding) : make(forms, chooseCoding(acceptEncoding));
}

/** The Content-Encoding field for `coding`; empty for identity, which is never named. */
export function codingHeader(coding: Coding): Record<string, string> {
  return coding === 'identity' ? {} : { 'Content-Encoding': coding };
}

async function make(forms: Forms, coding: Coding | undefined): Promise<Encoded> {
  if (coding === undefined)
    throw new HayateError('NOT_ACCEPTABLE', 'Accept-Encoding refuses every coding that this server has: br, gzip and identity');
  return { coding, bytes: forms.get(coding) ?? (await encode(forms.get('identity') ?? new Uint8Array(), coding)) };
}

/** Fast rather than smallest, since the client is waiting. */
async function encode(bytes: Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer>> {
  if (coding === 'gzip') return new Uint8Array(await compressGzip(bytes, { level: 6 }));
  return new Uint8Array(await compressBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }));
}
