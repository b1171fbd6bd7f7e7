// The Range of a request (RFC 9110 section 14): which bytes of a representation are sent.
// Several ranges that touch or overlap are merged and sent as one. Several ranges that do not are
// answered with the whole representation, as section 14.2 allows: clients that read archives ask
// for one range at a time.

/** A part of a representation, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Requests with more ranges have their Range ignored, as section 14.2 advises. */
const RANGES_MAX = 64;

/**
 * The part that `header` selects of `size` bytes; undefined: the whole; 'outside': no existing byte
 * (416).
 */
export function selectRange(header: string | undefined, size: number): ByteRange | 'outside' | undefined {
  const specs = readSpecs(header ?? '');
  if (specs === undefined) return undefined;
  const wanted = specs.map((spec) => resolve(spec, size)).filter((range) => range !== undefined);
  if (wanted.length === 0) return 'outside';
  const [first = { from: 0, to: 0 }, ...others] = wanted.sort((a, b) => a.from - b.from);
  let { to } = first;
  for (const range of others) {
    if (range.from > to) return undefined;
    to = Math.max(to, range.to);
  }
  // A suffix of an empty representation selects all of it, and Content-Range cannot express that.
  return to === first.from ? undefined : { offset: first.from, length: to - first.from };
}

type Spec = { readonly first: number; readonly last: number } | { readonly suffix: number };

/**
 * The ranges of a `bytes` header field; undefined if there are none or too many, if the unit is
 * another, or if one is malformed.
 */
function readSpecs(header: string): Spec[] | undefined {
  const set = /^\s*bytes=(.*)$/i.exec(header)?.[1];
  if (set === undefined) return undefined;
  const texts = set
    .split(',', RANGES_MAX + 1)
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (texts.length === 0 || texts.length > RANGES_MAX) return undefined;
  const specs: Spec[] = [];
  for (const text of texts) {
    const match = /^(\d*)-(\d*)$/.exec(text);
    const [, first = '', last = ''] = match ?? [];
    if (match === null || (first === '' && last === '')) return undefined;
    if (first !== '' && last !== '' && isLess(last, first)) return undefined;
    if (first === '') specs.push({ suffix: Number(last) });
    else specs.push({ first: Number(first), last: last === '' ? Number.POSITIVE_INFINITY : Number(last) });
  }
  return specs;
}

/** The bytes from `from` up to, but without, `to`; undefined if none of them exists. */
function resolve(spec: Spec, size: number): { from: number; to: number } | undefined {
  if ('suffix' in spec) return spec.suffix === 0 ? undefined : { from: Math.max(0, size - spec.suffix), to: size };
  return spec.first >= size ? undefined : { from: spec.first, to: Math.min(size, spec.last + 1) };
}

/** Compares decimal numbers of any length. */
function isLess(left: string, right: string): boolean {
  const [a, b] = [left, right].map((digits) => digits.replace(/^0+(?=\d)/, '')) as [string, string];
  return a.length === b.length ? a < b : a.length < b.length;
}
