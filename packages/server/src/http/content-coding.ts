// Which content coding an answer gets (RFC 9110 section 12.5.3), and how bytes are put into it.
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { HayateError } from '../kernel/error.ts';

/** Codings in our order of preference where the client has none: brotli is the smallest. */
export const Codings = ['br', 'gzip', 'identity'] as const;
export type Coding = (typeof Codings)[number];

const QVALUE = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The best of `available` by an Accept-Encoding field; undefined if the client takes none of them, not even identity (406). */
export function chooseCoding(header: string | undefined, available: readonly Coding[] = Codings): Coding | undefined {
  // Without the field anything may be sent; what everybody can read is.
  if (header === undefined) return 'identity';
  const weights = readWeights(header);
  const weightOf = (coding: Coding): number => {
    const own = weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? weights.get('*');
    // What is not named is not wanted, except for identity, which must be refused to be unwanted.
    return own ?? (coding === 'identity' ? 0.0001 : 0);
  };
  let best: Coding | undefined;
  for (const coding of Codings)
    if (available.includes(coding) && weightOf(coding) > (best === undefined ? 0 : weightOf(best))) best = coding;
  return best;
}

/** Each coding's weight. An element that is malformed is passed over. */
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
/** Smaller answers take longer to compress and to unpack than they save on their way. */
const COMPRESSED_BYTES_MIN = 1_024;

/** The same content in several codings; `identity` is always there. */
export type Forms = ReadonlyMap<Coding, Uint8Array<ArrayBuffer>>;

/** Content in one coding. */
export interface Encoded {
  readonly coding: Coding;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The form that the client takes best; if it takes none that is there, one is made for it. Throws HayateError NOT_ACCEPTABLE. */
export async function inCoding(forms: Forms, acceptEncoding: string | undefined): Promise<Encoded> {
  return make(forms, chooseCoding(acceptEncoding, [...forms.keys()]) ?? chooseCoding(acceptEncoding));
}

/** Content that was made for this request, compressed if it is worth it and the client takes it. Throws HayateError NOT_ACCEPTABLE. */
export async function compressed(bytes: Uint8Array<ArrayBuffer>, acceptEncoding: string | undefined): Promise<Encoded> {
  const forms: Forms = new Map([['identity', bytes]]);
  return bytes.length < COMPRESSED_BYTES_MIN ? inCoding(forms, acceptEncoding) : make(forms, chooseCoding(acceptEncoding));
}

/** Content-Encoding for `coding`; none for identity, which is never named. */
export function codingHeader(coding: Coding): Record<string, string> {
  return coding === 'identity' ? {} : { 'Content-Encoding': coding };
}

async function make(forms: Forms, coding: Coding | undefined): Promise<Encoded> {
  if (coding === undefined)
    throw new HayateError('NOT_ACCEPTABLE', 'Accept-Encoding refuses every coding that this server has: br, gzip and identity');
  return { coding, bytes: forms.get(coding) ?? (await encode(forms.get('identity') ?? new Uint8Array(), coding)) };
}

/** Quickly rather than smallest: it is made while the client waits. */
async function encode(bytes: Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer>> {
  if (coding === 'gzip') return new Uint8Array(await compressGzip(bytes, { level: 6 }));
  return new Uint8Array(await compressBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }));
}
