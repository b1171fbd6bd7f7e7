// The Redis adapter under the seam's contract, with one server and with three.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cleanUp } from '../../../../../test/support/clean-up.ts';
import { startDns } from '../../../../../test/support/dns.ts';
import { requireIpv6 } from '../../../../../test/support/network.ts';
import { root } from '../../../../../test/support/process.ts';
import { startRedis, startRedisServers } from '../../../../../test/support/redis.ts';
import { createContext } from '../../kernel/context.ts';
import { HayateError } from '../../kernel/error.ts';
import { shardContract } from '../contract.ts';
import { openRedisShards, type ShardSettings } from './open.ts';

const settings: ShardSettings = {
  shards: 'redis://127.0.0.1',
  placement: 'spray',
  slotMs: 5,
  shardQueueBytesMax: 64 * 2 ** 20,
  // Long enough that a loaded machine causes no repetitions.
  shardSuspectMs: 20_000,
  shardCloseMs: 30_000,
  shardReturnMs: 1_000,
  shardResolveMs: 2_000,
  dnsServer: undefined,
};

const open = (shards: string, other: Partial<ShardSettings> = {}) =>
  openRedisShards({ ...settings, ...other, shards }, createContext({ logLevel: 'silent' }));

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

test('invalid settings are refused, and the error does not repeat a password', async () => {
  const wrong = [
    'redis:',
    'http://127.0.0.1',
    'redis://127.0.0.1/0',
    'redis://127.0.0.1,',
    'redis://:hunter2@127.0.0.1:66666',
    'redis://user@127.0.0.1',
    'redis://::1:6379',
    'redis://:hunter2@[::g%eth0]:6379',
    'redis://[::1%lo]/0',
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

test('a Redis at an IPv6 address is reached by each spelling of the address, under one name', async (t) => {
  if (!requireIpv6(t)) return;
  const redis = await startRedis(t, { host: '::1', password: 'p@ss:word/' });
  if (redis === undefined) return;
  const password = encodeURIComponent('p@ss:word/');
  for (const host of ['[::1]', '[0:0:0:0:0:0:0:1]', '[::1%25lo]', '[::1%lo]']) {
    const context = createContext({ logLevel: 'silent' });
    const shards = await openRedisShards({ ...settings, shards: `redis://:${password}@${host}:${redis.port}` }, context);
    cleanUp(t, () => shards.close());
    assert.equal(shards.unready(), undefined, host);
    const series: string = `hayate_shard_up{shard="${host.includes('%') ? '[::1%lo]' : '[::1]'}:${redis.port}"} 1`;
    const counted = await context.registry.metrics();
    assert.ok(counted.includes(series), `${host}: ${series}`);
  }
});

test('a name server is reached by each spelling of its address, and as localhost', async (t) => {
  const redis = await startRedis(t);
  if (redis === undefined) return;
  const dns = await startDns(t, ['host-record=redis.test,127.0.0.1']);
  if (dns === undefined) return;
  const port = dns.address.split(':')[1];
  for (const dnsServer of [`127.0.0.1:${port}`, `[::ffff:127.0.0.1]:${port}`, `[::FFFF:7F00:1]:${port}`, `localhost:${port}`]) {
    const shards = await open(`dns+redis://redis.test:${redis.port}`, { dnsServer });
    cleanUp(t, () => shards.close());
    assert.equal(shards.unready(), undefined, dnsServer);
  }
  for (const dnsServer of ['[::1', '::1:x', '10.0.0.1:0', '10.0.0.1:65536', '[fe80::1%eth0]:53', 'fe80::1', '10.0.0.1:53:53', ':53'])
    await assert.rejects(open('dns+redis://redis.test:1', { dnsServer }), /--dns-server must be an address/, dnsServer);
});

test('a server that asks for a password gets it; without a password the shards report that none is connected', async (t) => {
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

test('a Redis starts with the settings of docs/operate/redis.md, applies them, and carries messages', async (t) => {
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
