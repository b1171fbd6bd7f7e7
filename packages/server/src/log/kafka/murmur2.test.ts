import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionOf } from './murmur2.ts';

test("hashes as Kafka's Java producer does", () => {
  // Expected values: `org.apache.kafka.common.utils.Utils.murmur2` of Kafka 4.3.1, run on these
  // keys.
  const known: [string, number][] = [
    ['', 275646681],
    ['a', -1563381124],
    ['ab', 316155434],
    ['abc', 479470107],
    ['abcd', -1323649548],
    ['hoshi', 223718805],
    ['stream-7', 1273981415],
    ['große Schlüssel 鍵', 16536501],
    ['A-very-long-stream-name_of-64-characters-0123456789-abcdefghijklm', -440152951],
    ['21', -973932308],
    ['foobar', -790332482],
  ];
  for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash, key);
});

test('takes bytes anywhere in their buffer, and returns only existing partitions', () => {
  const bytes = Buffer.from('..stream-7').subarray(2);
  assert.equal(murmur2(bytes), murmur2(new Uint8Array(Buffer.from('stream-7'))));
  const partitions = Array.from({ length: 1_000 }, (_, index) => partitionOf(Buffer.from(`stream-${index}`), 7));
  assert.deepEqual([...new Set(partitions)].sort(), [0, 1, 2, 3, 4, 5, 6]);
});
