import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBucketAddress, parseEndpoint } from './bucket-address.ts';

test('an address is a bucket and an optional prefix, with or without a slash at its end', () => {
  assert.deepEqual(parseBucketAddress('s3://shows'), { bucket: 'shows', prefix: '' });
  assert.deepEqual(parseBucketAddress('gs://shows/'), { bucket: 'shows', prefix: '' });
  assert.deepEqual(parseBucketAddress('s3://my.shows-1/live'), { bucket: 'my.shows-1', prefix: 'live/' });
  assert.deepEqual(parseBucketAddress('gs://my_shows/live/v=1/'), { bucket: 'my_shows', prefix: 'live/v=1/' });
});

test('an endpoint is an http URL, with any kind of address', () => {
  for (const [text, endpoint] of [
    ['http://localhost:9000', 'http://localhost:9000'],
    ['https://s3.example/', 'https://s3.example'],
    ['http://[0:0:0:0:0:0:0:1]:9000/', 'http://[::1]:9000'],
  ] as const)
    assert.equal(parseEndpoint(text), endpoint);
  for (const text of ['localhost:9000', '[::1]:9000', 'http://::1:9000', 's3://shows', ''])
    assert.throws(() => parseEndpoint(text), { code: 'CONFIGURATION', message: /--store-endpoint must be a URL such as/ }, text);
});

test('an invalid address, or one with a prefix that no key may have, is refused', () => {
  for (const text of [
    's3:/shows',
    's3://',
    's3:///x',
    's3://-shows',
    's3://sh ows',
    's3://shows//x',
    's3://shows/../x',
    's3://shows/a b',
    `s3://shows/${'x/'.repeat(300)}`,
  ])
    assert.throws(() => parseBucketAddress(text), { code: 'CONFIGURATION' }, text);
});
