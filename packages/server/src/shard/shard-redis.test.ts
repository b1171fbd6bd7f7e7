// The Redis adapter under the seam's contract, with one server and with three.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { root } from '../../../../test/support/process.ts';
import { startRedis, startRedisServers } from '../../../../test/support/redis.ts';
import { createContext } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { shardContract } from './shard-contract.ts';
import { openShards, type ShardSettings } from './shard-redis.ts';

const settings: ShardSettings = {
  shards: 'redis://127.0.0.1',
  placement: 'spray',
  slotMs: 5,
  shardQueueBytesMax: 64 * 2 ** 20,
  // So patient that a machine under load makes nothing come twice.
  shardSuspectMs: 20_000,
  shardCloseMs: 30_000,
  shardReturnMs: 1_000,
  shardResolveMs: 2_000,
  dnsServer: undefined,
};

const open = (shards: string, other: Partial<ShardSettings> = {}) =>
  openShards({ ...settings, ...other, shards }, createContext({ logLevel: 'silent' }));

for (const [hosts, placement] of [
  [['127.0.0.1'], 'spray'],
  [['127.0.0.1', '127.0.0.2', '127.0.0.3'], 'spray'],
  [['127.0.0.1', '127.0.0.2', '127.0.0.3'], 'hash'],
] as const) {
  shardContract(`${hosts.length} Redis by ${placement}`, async (t) => {
    const servers = await startRedisServers(t, hosts);
    if (servers === undefined) return undefined;
    const urls = servers.map(({ url }) => url).join(',');
    return [await open(urls, { placement }), await open(urls, { placement })];
  });
}

test('settings that cannot be meant are refused, and a password is not repeated', async () => {
  const wrong = [
    'redis:',
    'http://127.0.0.1',
    'redis://127.0.0.1/0',
    'redis://127.0.0.1,',
    'redis://:hunter2@127.0.0.1:66666',
    'redis://user@127.0.0.1',
    'redis://:hunter2%zz@127.0.0.1',
  ];
  for (const shards of wrong)
    await assert.rejects(
      open(shards),
      (error) => error instanceof HayateError && error.code === 'CONFIGURATION' && !/hunter2/.test(error.message),
    );
  await assert.rejects(open('redis://127.0.0.1', { placement: 'mirror' }), /--placement must be/);
  await assert.rejects(open('redis://127.0.0.1', { shardCloseMs: 59, shardSuspectMs: 60 }), /--shard-close-ms must not be less/);
  await assert.rejects(open('dns+redis://redis.test:1', { dnsServer: 'redis.test' }), /--dns-server must be an address/);
});

test('a server that asks for a password gets it; without it the shards say that none is connected', async (t) => {
  const redis = await startRedis(t, { password: 'p@ss:word/', host: '127.0.0.4' });
  if (redis === undefined) return;
  const stranger = await open(`redis://${redis.host}:${redis.port}`);
  cleanUp(t, () => stranger.close());
  assert.equal(stranger.unready(), 'no shard is connected');
  const shards = await open(redis.url);
  cleanUp(t, () => shards.close());
  assert.equal(shards.unready(), undefined);
  assert.equal(shards.embedded, false);
});

test('a Redis with the settings that docs/operate/redis.md gives starts, has them, and carries messages', async (t) => {
  const page = readFileSync(join(root, 'docs/operate/redis.md'), 'utf8');
  const block = /## Settings of Redis\n\n```\n(.*?)```/s.exec(page)?.[1] ?? '';
  const settings = block.split('\n').flatMap((line) => {
    const [, name, value] = /^(\S+) (.*?)\s*(#.*)?$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value === '""' ? '' : value] as const];
  });
  assert.ok(settings.length >= 8, block);
  const redis = await startRedis(t, { args: settings.flatMap(([name, value]) => [`--${name}`, value]) });
  if (redis === undefined) return;
  const limits = JSON.stringify(await redis.command('CONFIG', 'GET', 'client-output-buffer-limit'));
  assert.match(limits, new RegExp(`pubsub ${32 * 2 ** 20} ${8 * 2 ** 20} 5`));
  const shards = await open(redis.url);
  cleanUp(t, () => shards.close());
  const received = Promise.withResolvers<Uint8Array>();
  await shards.subscribe('control', received.resolve);
  shards.publish('control', Buffer.from('hello'));
  assert.equal(Buffer.from(await received.promise).toString(), 'hello');
});
