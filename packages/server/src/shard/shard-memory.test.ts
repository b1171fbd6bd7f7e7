// The embedded shard adapter under the seam's contract.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shardContract } from './shard-contract.ts';
import { openMemoryShards } from './shard-memory.ts';

shardContract('memory shards', async () => {
  const shards = openMemoryShards();
  return [shards, shards];
});

test('memory shards report that they reach only this process', () => {
  assert.equal(openMemoryShards().embedded, true);
});
