// Servers are found by real DNS, whose answers change while messages flow; and TLS connects to a
// server found by its name.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startDns } from '../../../../../test/support/dns.ts';
import { freePort } from '../../../../../test/support/free-port.ts';
import { poll } from '../../../../../test/support/poll.ts';
import { runProcess } from '../../../../../test/support/process.ts';
import { type Redis, startRedis } from '../../../../../test/support/redis.ts';
import { openTestShards, sendAndReceive, type TestShards } from '../../../../../test/support/redis-shards.ts';
import { requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';

/** Starts servers on different addresses and one port, like the servers of a headless service. */
async function startBehindName(t: TestContext, hosts: readonly string[]): Promise<Redis[] | undefined> {
  const [first] = hosts;
  const port = await freePort(first);
  const started = await Promise.all(hosts.map((host) => startRedis(t, { host, port })));
  const there = started.filter((redis) => redis !== undefined);
  return there.length === hosts.length ? there : undefined;
}

const slotsOf = (shards: TestShards, { host, port }: Redis) => shards.metric('hayate_shard_slots_total', `${host}:${port}`);
const isUp = async (shards: TestShards, { host, port }: Redis) => (await shards.metric('hayate_shard_up', `${host}:${port}`)) === 1;
const record = ({ host }: Redis) => `host-record=redis.test,${host}`;

test('a server added to the answer is used after its probation, a removed one gets no more slots, and nothing is lost', async (t) => {
  const servers = await startBehindName(t, ['127.0.0.1', '127.0.0.2', '127.0.0.3']);
  const [first, second, third] = servers ?? [];
  if (first === undefined || second === undefined || third === undefined) return;
  const dns = await startDns(t, [record(first), record(second)]);
  if (dns === undefined) return;
  const url = `dns+redis://redis.test:${first.port}`;
  const options = { dnsServer: dns.address, suspectMs: 20_000, leaveMs: 300 };
  const [publisher, subscriber] = [await openTestShards(t, url, options), await openTestShards(t, url, options)];
  assert.equal((await sendAndReceive({ publisher, subscriber, channel: 'live:a', messages: 100 })).length, 100);
  assert.equal(await slotsOf(publisher, third), 0);

  await dns.answer([record(second), record(third)]);
  await poll('the new server', () => isUp(publisher, third));
  assert.equal(await isUp(publisher, first), false);
  const before = await slotsOf(publisher, first);
  assert.equal((await sendAndReceive({ publisher, subscriber, channel: 'live:b', messages: 100 })).length, 100);
  assert.ok((await slotsOf(publisher, third)) > 0);
  assert.equal(await slotsOf(publisher, first), before);

  // Without an answer, the last answer stays in force.
  await dns.stop();
  const failures = await publisher.metric('hayate_shard_resolve_failures_total');
  await poll('questions without answers', async () => (await publisher.metric('hayate_shard_resolve_failures_total')) > failures + 1);
  assert.equal((await sendAndReceive({ publisher, subscriber, channel: 'live:c', messages: 50 })).length, 50);
  await poll('no subscriber of the first', async () => ((await first.command('PUBSUB', 'CHANNELS')) as unknown[]).length === 0);
  assert.equal(await publisher.metric('hayate_shard_dropped_total'), 0);
});

test('services (SRV) name the port as well, and a password given with the name applies to each of them', async (t) => {
  const [one, two] = [await startRedis(t, { password: 'a b' }), await startRedis(t, { host: '127.0.0.2', password: 'a b' })];
  if (one === undefined || two === undefined) return;
  const dns = await startDns(t, [
    'host-record=one.test,127.0.0.1',
    'host-record=two.test,127.0.0.2',
    `srv-host=_redis._tcp.redis.test,one.test,${one.port}`,
    `srv-host=_redis._tcp.redis.test,two.test,${two.port}`,
  ]);
  if (dns === undefined) return;
  const shards = await openTestShards(t, 'dns+redis://:a%20b@_redis._tcp.redis.test', { dnsServer: dns.address });
  await poll('both messages', async () => (await isUp(shards, one)) && (await isUp(shards, two)));
  await sendAndReceive({ publisher: shards, subscriber: shards, channel: 'live:a', messages: 100 });
  assert.ok((await slotsOf(shards, one)) > 0 && (await slotsOf(shards, two)) > 0);
});

test('shards that DNS does not know yet are found once it does', async (t) => {
  const redis = await startRedis(t);
  if (redis === undefined) return;
  const dns = await startDns(t, []);
  if (dns === undefined) return;
  const shards = await openTestShards(t, `dns+redis://redis.test:${redis.port}`, { dnsServer: dns.address });
  assert.equal(shards.shards.unready(), 'no shard has been found');
  await dns.answer([record(redis)]);
  await poll('the shard to connect', () => shards.shards.unready() === undefined);
  await sendAndReceive({ publisher: shards, subscriber: shards, channel: 'live:a', messages: 10 });
});

test('TLS accepts servers whose certificate has the name that was looked up, and no others', async (t) => {
  const openssl = requireTool(t, 'openssl');
  if (openssl === undefined) return;
  const folder = tempDir(t);
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request = 'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis.test -addext subjectAltName=DNS:redis.test'.split(' ');
  const made = await runProcess(t, [...request, '-keyout', key, '-out', cert], { executable: openssl });
  assert.equal(made.code, 0, made.lines.join('\n'));
  const tlsPort = await freePort();
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'];
  const redis = await startRedis(t, { args: ['--tls-port', String(tlsPort), ...files] });
  if (redis === undefined) return;
  const dns = await startDns(t, ['host-record=redis.test,127.0.0.1', 'host-record=other.test,127.0.0.1']);
  if (dns === undefined) return;
  const options = { dnsServer: dns.address, ca: readFileSync(cert, 'utf8') };
  const shards = await openTestShards(t, `dns+rediss://redis.test:${tlsPort}`, options);
  assert.equal((await sendAndReceive({ publisher: shards, subscriber: shards, channel: 'live:a', messages: 20 })).length, 20);
  const misled = await openTestShards(t, `dns+rediss://other.test:${tlsPort}`, options);
  assert.equal(misled.shards.unready(), 'no shard is connected');
  const stranger = await openTestShards(t, `rediss://127.0.0.1:${tlsPort}`);
  assert.equal(stranger.shards.unready(), 'no shard is connected');
});
