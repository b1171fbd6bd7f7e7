import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RespError, RespParser, type RespValue } from './resp-parser.ts';
import { writeCommand, writePublishes, writeSubscriptions } from './resp-writer.ts';

const line = fc.string({ unit: fc.constantFrom('a', 'Z', '0', ' ', '-', 'é', '疾'), maxLength: 30 });
const item = fc.oneof(fc.integer(), fc.uint8Array({ maxLength: 300 }), fc.constant(null));
const value: fc.Arbitrary<RespValue> = fc.oneof(
  line.map((status) => ({ status })),
  line.map((error) => ({ error })),
  item,
  fc.array(item, { maxLength: 8 }),
);

function writeItem(written: RespValue): Buffer {
  if (typeof written === 'number') return Buffer.from(`:${written}\r\n`);
  if (written === null) return Buffer.from('$-1\r\n');
  if (written instanceof Uint8Array) return Buffer.concat([Buffer.from(`$${written.length}\r\n`), written, Buffer.from('\r\n')]);
  if (Array.isArray(written)) return Buffer.concat([Buffer.from(`*${written.length}\r\n`), ...written.map(writeItem)]);
  return Buffer.from('status' in written ? `+${written.status}\r\n` : `-${(written as { error: string }).error}\r\n`);
}

/** Values as text; bulk strings as their bytes, whether Buffer or Uint8Array. */
const plain = (values: readonly RespValue[]): string => values.map((one) => writeItem(one).toString('latin1')).join('');

/** Parses pieces: returns the values, and the error that ended the parsing. */
function parse(pieces: readonly Uint8Array[], limits = {}): { values: RespValue[]; error?: string } {
  const parser = new RespParser(limits);
  const values: RespValue[] = [];
  try {
    for (const piece of pieces) parser.push(piece, (one) => values.push(one));
  } catch (error) {
    assert.ok(error instanceof RespError, String(error));
    return { values, error: error.message };
  }
  return { values };
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  // Copied, because pieces from a socket have buffers of their own.
  return at.slice(1).map((end, index) => Uint8Array.from(bytes.subarray(at[index], end)));
}

test('replies are parsed as they were written, for any split of the bytes', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 40 }), (values, places) => {
      const bytes = Buffer.concat(values.map(writeItem));
      const parsed = parse(cut(bytes, places));
      assert.equal(parsed.error, undefined);
      assert.equal(plain(parsed.values), plain(values));
    }),
  );
});

test('replies are parsed byte by byte as well', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), (values) => {
      const bytes = Buffer.concat(values.map(writeItem));
      const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
      assert.equal(plain(parse(pieces).values), plain(values));
    }),
  );
});

test('random bytes give values or a RespError, the same however they are split', () => {
  const likely = fc.constantFrom(...'+-:$*0123456789\r\nab').map((text) => text.charCodeAt(0));
  const noise = fc.array(fc.oneof({ weight: 9, arbitrary: likely }, fc.integer({ min: 0, max: 255 })), { maxLength: 60 });
  fc.assert(
    fc.property(noise, fc.array(fc.nat(), { maxLength: 10 }), (list, places) => {
      const bytes = Uint8Array.from(list);
      const [whole, pieces] = [parse([bytes], { bulkBytesMax: 20 }), parse(cut(bytes, places), { bulkBytesMax: 20 })];
      assert.equal(plain(pieces.values), plain(whole.values));
      assert.equal(pieces.error, whole.error);
    }),
    { numRuns: 2_000 },
  );
});

test('a reply larger than the bounds is refused before it has arrived', () => {
  assert.match(parse([Buffer.from('$21\r\n')], { bulkBytesMax: 20 }).error ?? '', /string of 21 bytes/);
  assert.match(parse([Buffer.from('*9\r\n')]).error ?? '', /array of 9/);
  assert.match(parse([Buffer.from('*1\r\n*1\r\n')]).error ?? '', /type 42/);
  assert.match(parse([Buffer.from(`+${'a'.repeat(5_000)}`)]).error ?? '', /line that is too long/);
  assert.match(parse([Buffer.from(`:${'1'.repeat(16)}`)]).error ?? '', /number that is too long/);
});

test('commands are arrays of bulk strings that a parser reads back', () => {
  const channel = fc.string({ unit: fc.constantFrom('a', ':', '_', '0'), minLength: 1, maxLength: 70 });
  fc.assert(
    fc.property(fc.array(fc.record({ channel, message: fc.uint8Array({ maxLength: 2_000 }) }), { maxLength: 20 }), (batch) => {
      const { values } = parse([writePublishes(batch)]);
      const words = batch.map(({ channel, message }) => ['PUBLISH', channel, Buffer.from(message).toString('latin1')]);
      const text = (one: unknown) => (one instanceof Uint8Array ? Buffer.from(one).toString('latin1') : one);
      assert.deepEqual(
        values.map((one) => (Array.isArray(one) ? one.map(text) : one)),
        words,
      );
    }),
  );
  assert.equal(Buffer.from(writeCommand('AUTH', 'é')).toString(), '*2\r\n$4\r\nAUTH\r\n$2\r\né\r\n');
  assert.equal(writeSubscriptions('SUBSCRIBE', []).length, 0);
  const many = Array.from({ length: 600 }, (_, i) => `live:${i}`);
  const text = Buffer.from(writeSubscriptions('UNSUBSCRIBE', many)).toString();
  assert.deepEqual(
    [...text.matchAll(/\*(\d+)\r\n\$11/g)].map(([, words]) => words),
    ['257', '257', '89'],
  );
  for (const name of many) assert.ok(text.includes(`\r\n${name}\r\n`));
});
