import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { chooseCoding, compressed, type Forms, inCoding } from './content-coding.ts';

test("the client's weights decide the coding, and between equal weights the smallest is chosen", () => {
  for (const [header, expected] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0.000,gzip;q=0.001', 'gzip'],
    ['gzip ; Q=0.8 ,\tbr ; q=0.9', 'br'],
    ['identity;q=0.5, gzip;q=0.4', 'identity'],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0.1, identity', 'identity'],
    ['deflate, zstd', 'identity'],
    ['br;q=2, gzip;q=x', 'identity'],
    ['brotli', 'identity'],
    ['', 'identity'],
    [undefined, 'identity'],
  ] as const)
    assert.equal(chooseCoding(header), expected, String(header));
});

test('a client that accepts no available coding gets none', () => {
  for (const header of ['identity;q=0', '*;q=0', 'br;q=0, gzip;q=0, identity;q=0', 'identity;q=0, deflate'])
    assert.equal(chooseCoding(header), undefined, header);
  assert.equal(chooseCoding('identity;q=0, gzip'), 'gzip');
  assert.equal(chooseCoding('identity;q=0, br', ['gzip', 'identity']), undefined);
  assert.equal(chooseCoding('*;q=0, gzip', ['gzip', 'identity']), 'gzip');
});

const text = new TextEncoder().encode('hayate '.repeat(500));

test('compressed content decompresses to the original', async () => {
  const [br, gzip, identity] = [await compressed(text, 'br'), await compressed(text, 'gzip'), await compressed(text, undefined)];
  assert.deepEqual([br.coding, gzip.coding, identity.coding], ['br', 'gzip', 'identity']);
  assert.deepEqual(new Uint8Array(brotliDecompressSync(br.bytes)), text);
  assert.deepEqual(new Uint8Array(gunzipSync(gzip.bytes)), text);
  assert.deepEqual(identity.bytes, text);
  assert.ok(br.bytes.length < 100 && gzip.bytes.length < 100);
});

test('short content is not compressed, except for a client that refuses identity', async () => {
  const little = text.subarray(0, 500);
  assert.equal((await compressed(little, 'br, gzip')).coding, 'identity');
  const forced = await compressed(little, 'gzip, identity;q=0');
  assert.deepEqual([forced.coding, new Uint8Array(gunzipSync(forced.bytes))], ['gzip', little]);
  await assert.rejects(compressed(little, 'identity;q=0'), { code: 'NOT_ACCEPTABLE' });
});

test('forms that exist are used, and no further form is made', async () => {
  const made = new Uint8Array([1, 2, 3]);
  const forms: Forms = new Map([
    ['identity', text],
    ['br', made],
  ]);
  assert.deepEqual(await inCoding(forms, 'gzip, br'), { coding: 'br', bytes: made });
  assert.equal((await inCoding(forms, 'gzip')).coding, 'identity');
});
