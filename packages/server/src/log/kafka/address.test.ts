import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTopicAddress } from './address.ts';

test('brokers are names or addresses in any spelling', () => {
  const { brokers, topic } = parseTopicAddress(
    'kafka://a.example:9092,10.0.0.1:1,[0:0:0:0:0:0:0:1]:65535,[FE80::1%eth0]:2,[::ffff:10.0.0.2]:3/frames',
  );
  assert.equal(topic, 'frames');
  assert.deepEqual(brokers, [
    { host: 'a.example', port: 9092 },
    { host: '10.0.0.1', port: 1 },
    { host: '::1', port: 65_535 },
    { host: 'fe80::1%eth0', port: 2 },
    { host: '10.0.0.2', port: 3 },
  ]);
});

test('an invalid broker is refused, and IPv6 without brackets with a hint', () => {
  for (const broker of [
    '::1:9092',
    '::1',
    '[::g]:9092',
    '[localhost]:9092',
    '[10.0.0.1]:9092',
    'a',
    'a:0',
    'a:65536',
    'a:b',
    ':9092',
    '[]:9092',
    '',
    'user@a:9092',
  ])
    assert.throws(
      () => parseTopicAddress(`kafka://${broker}/frames`),
      { code: 'CONFIGURATION', message: /write an IPv6 address in brackets/ },
      broker,
    );
});
