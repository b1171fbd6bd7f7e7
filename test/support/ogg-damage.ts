// In: a good Ogg file and a list of damages, as fast-check draws and shrinks them. Out: the damaged
// file. Places are fractions of the file, so that a damage applies to any file. Edited pages get a
// correct checksum.
import fc from 'fast-check';
import { oggPageCrc } from '../../packages/server/src/format/ogg/crc.ts';
import { pageEnd } from '../../packages/server/src/format/ogg/page.ts';

/** One damage to a file. Places are in [0, 1). */
export type Damage =
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'flip'; readonly at: number; readonly mask: number }
  | { readonly kind: 'delete' | 'zero'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'duplicatePage' | 'removePage' | 'swapPages'; readonly page: number }
  | { readonly kind: 'editPage'; readonly page: number; readonly field: keyof typeof FIELDS; readonly value: Uint8Array };

/** Fields of a page header: offset and length. The body is after the lacing values. */
const FIELDS = { flags: [5, 1], granule: [6, 8], serial: [14, 4], sequence: [18, 4], lacing: [27, 3], body: [60, 8] } as const;

const place = fc.integer({ min: 0, max: 9_999 }).map((n) => n / 10_000);
const junk = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(
    ...['OggS', 'OggS\0\0', 'ID3\x03\0\0\0\0\0\x0aabcdefghij', 'TAG'.padEnd(128, ' '), '\0'.repeat(5_000)].map((text) =>
      Uint8Array.from(Buffer.from(text, 'latin1')),
    ),
  ),
);

/** Draws a damage. */
export const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('flip' as const), at: place, mask: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'zero' as const), at: place, length: fc.integer({ min: 1, max: 20_000 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: place, bytes: junk }),
  fc.record({ kind: fc.constantFrom('duplicatePage' as const, 'removePage' as const, 'swapPages' as const), page: place }),
  fc.record({
    kind: fc.constant('editPage' as const),
    page: place,
    field: fc.constantFrom(...(Object.keys(FIELDS) as (keyof typeof FIELDS)[])),
    value: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  }),
);

/** The pages of a file, as far as it has any. Bytes between pages belong to the page before. */
export function pagesOf(bytes: Uint8Array): Uint8Array[] {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('OggS', at, 'latin1');
    if (start < 0) break;
    starts.push(start);
    at = Math.max(start + 4, pageEnd(bytes, start) ?? 0);
  }
  return starts.map((start, i) => bytes.slice(i === 0 ? 0 : start, starts[i + 1] ?? bytes.length));
}

/** The file with all damages applied, one after another. */
export function damaged(bytes: Uint8Array, damages: readonly Damage[]): Uint8Array {
  return damages.reduce(applied, bytes);
}

function applied(bytes: Uint8Array, damage: Damage): Uint8Array {
  const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  if ('page' in damage) {
    const pages = pagesOf(bytes);
    const index = Math.floor(damage.page * pages.length);
    const [page, next] = [pages[index], pages[index + 1]];
    if (page === undefined) return bytes;
    const changed = {
      duplicatePage: () => [page, page],
      removePage: () => [],
      swapPages: () => (next === undefined ? [page] : [next, page]),
      editPage: () => [damage.kind === 'editPage' ? edited(page, damage) : page],
    }[damage.kind]();
    pages.splice(index, damage.kind === 'swapPages' ? 2 : 1, ...changed);
    return join(...pages);
  }
  const at = Math.floor(damage.at * bytes.length);
  if (damage.kind === 'cut') return bytes.slice(0, at);
  if (damage.kind === 'delete') return join(bytes.subarray(0, at), bytes.subarray(at + damage.length));
  if (damage.kind === 'insert') return join(bytes.subarray(0, at), damage.bytes, bytes.subarray(at));
  const copy = bytes.slice();
  if (damage.kind === 'zero') copy.fill(0, at, at + damage.length);
  else if (damage.kind === 'flip') copy[at] = (copy[at] ?? 0) ^ damage.mask;
  return copy;
}

function edited(page: Uint8Array, { field, value }: Extract<Damage, { kind: 'editPage' }>): Uint8Array {
  const copy = page.slice();
  const [offset, length] = FIELDS[field];
  if (copy.length < offset + length) return page;
  copy.set(value.subarray(0, length), offset);
  return withChecksum(copy);
}

/** The page with a correct checksum, if it is whole; bytes after the page do not change. */
export function withChecksum(page: Uint8Array): Uint8Array {
  const end = pageEnd(page, 0);
  if (end === undefined || end > page.length) return page;
  const copy = page.slice();
  new DataView(copy.buffer).setUint32(22, oggPageCrc(copy, 0, end), true);
  return copy;
}
