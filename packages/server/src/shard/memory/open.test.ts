// The embedded shard adapter under the seam's contract.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shardContract } from '../contract.ts';
import { openMemoryShards } from './open.ts';

shardContract('memory shards', async () => {
  const shards = openMemoryShards();
  return [shards, shards];
});

test('memory shards report that they reach only this process', () => {
  assert.equal(openMemoryShards().embedded, true);
});
