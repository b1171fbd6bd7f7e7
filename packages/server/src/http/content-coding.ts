// Which content coding an answer gets (RFC 9110 section 12.5.3), and how bytes are put into it.
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

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
/** Small answers take longer to compress and to unpack than they save on their way. */
export const COMPRESSED_BYTES_MIN = 1_024;

/** `bytes` in a coding, for an answer that is made now: quickly rather than smallest. */
export async function encode(bytes: Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer>> {
  if (coding === 'gzip') return new Uint8Array(await compressGzip(bytes, { level: 6 }));
  if (coding === 'br') return new Uint8Array(await compressBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }));
  return new Uint8Array(bytes);
}
