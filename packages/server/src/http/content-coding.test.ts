import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { chooseCoding, encode } from './content-coding.ts';

test('the client weighs the codings, and where it does not, the smallest is chosen', () => {
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
    assert.equal(chooseCoding(header), expected, header);
});

test('a client that takes nothing gets nothing', () => {
  for (const header of ['identity;q=0', '*;q=0', 'br;q=0, gzip;q=0, identity;q=0', 'identity;q=0, deflate'])
    assert.equal(chooseCoding(header), undefined, header);
  assert.equal(chooseCoding('identity;q=0, gzip'), 'gzip');
  assert.equal(chooseCoding('identity;q=0, br', ['gzip', 'identity']), undefined);
  assert.equal(chooseCoding('*;q=0, gzip', ['gzip', 'identity']), 'gzip');
});

test('what is encoded comes back', async () => {
  const bytes = Buffer.from('hayate '.repeat(500));
  assert.deepEqual(gunzipSync(await encode(bytes, 'gzip')), bytes);
  assert.deepEqual(brotliDecompressSync(await encode(bytes, 'br')), bytes);
  assert.deepEqual(Buffer.from(await encode(bytes, 'identity')), bytes);
});
