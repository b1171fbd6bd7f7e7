// The adapter with real servers that die, hang, come back late, cut subscribers off, ask for
// passwords or use TLS. In every case, no message that another server could carry is lost, and
// copies of a message are equal.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { poll } from '../../../../../test/support/poll.ts';
import { type Redis, startRedis, startRedisServers } from '../../../../../test/support/redis.ts';
import { openTestShards, sendAndReceive, type TestShards } from '../../../../../test/support/redis-shards.ts';
import { parsePlacement } from './placement.ts';

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
const MESSAGES = 300;
/** Long enough that a loaded machine does not make a server suspect. */
const patient = { suspectMs: 20_000 };

interface Stage {
  readonly servers: readonly Redis[];
  readonly victim: Redis;
  readonly publisher: TestShards;
  readonly subscriber: TestShards;
}

/** Three servers, one process that publishes and one that subscribes. */
async function stage(t: TestContext, options: { suspectMs?: number } = {}): Promise<Stage | undefined> {
  const servers = await startRedisServers(t, HOSTS);
  const victim = servers?.[1];
  if (servers === undefined || victim === undefined) return undefined;
  const urls = servers.map(({ url }) => url).join(',');
  return { servers, victim, publisher: await openTestShards(t, urls, options), subscriber: await openTestShards(t, urls) };
}

const nameOf = ({ host, port }: Redis) => `${host}:${port}`;
const isUp = async ({ publisher, subscriber, victim }: Stage) =>
  (await publisher.metric('hayate_shard_up', nameOf(victim))) === 1 &&
  (await subscriber.metric('hayate_shard_subscribed', nameOf(victim))) === 1;

/** Asks the server while this process is blocked. */
function pingMeanwhile({ host, port }: Redis): string {
  return spawnSync('redis-cli', ['-h', host, '-p', String(port), 'PING'], { encoding: 'utf8' }).stdout.trim();
}

/** Publishes until the server has carried more than before, and all of it arrived. */
async function carries({ publisher, subscriber, victim }: Stage): Promise<void> {
  const before = await publisher.metric('hayate_shard_slots_total', nameOf(victim));
  await sendAndReceive({ publisher, subscriber, channel: 'live:after', messages: 50 });
  await poll('slots on the server', async () => (await publisher.metric('hayate_shard_slots_total', nameOf(victim))) > before);
}

test('all servers carry slots evenly, and every message arrives once', async (t) => {
  const on = await stage(t, patient);
  if (on === undefined) return;
  const received = await sendAndReceive({ ...on, channel: 'live:a', messages: MESSAGES });
  assert.equal(received.length, MESSAGES);
  const slots = await Promise.all(on.servers.map((redis) => on.publisher.metric('hayate_shard_slots_total', nameOf(redis))));
  assert.ok(Math.max(...slots) - Math.min(...slots) <= 1, `slots ${slots}`);
  assert.equal(await on.publisher.metric('hayate_shard_dropped_total'), 0);
});

test('mirrored messages come once from each of two servers, and a hung one delays none', async (t) => {
  const servers = await startRedisServers(t, HOSTS);
  const [victim] = servers ?? [];
  if (servers === undefined || victim === undefined) return;
  const shards = await openTestShards(t, servers.map(({ url }) => url).join(','), {
    placement: parsePlacement('mirror:2'),
    suspectMs: 20_000,
  });
  const twice = await sendAndReceive({ publisher: shards, subscriber: shards, channel: 'live:a', messages: 100 });
  await poll('both copies of each message', () => twice.length === 200);
  const begin = () => victim.signal('SIGSTOP');
  await sendAndReceive({ publisher: shards, subscriber: shards, channel: 'live:b', messages: 100, begin });
  victim.signal('SIGCONT');
});

test('killing a server loses no message published afterwards, and it carries messages again when it is back', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  await sendAndReceive({ ...on, channel: 'live:before', messages: 20 });
  await sendAndReceive({ ...on, channel: 'live:a', messages: MESSAGES, begin: () => on.victim.signal('SIGKILL') });
  assert.equal(await on.publisher.metric('hayate_shard_dropped_total'), 0);
  assert.equal(await on.publisher.metric('hayate_shard_up', nameOf(on.victim)), 0);
  assert.equal(on.publisher.shards.unready(), undefined);
  await on.victim.restart();
  await poll('the server to be used again', () => isUp(on));
  await carries(on);
});

test('messages that a hung server leaves unanswered are published on another; its late deliveries are equal copies; it is used again', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  await sendAndReceive({ ...on, channel: 'live:before', messages: 20 });
  const begin = () => on.victim.signal('SIGSTOP');
  const received = await sendAndReceive({ ...on, channel: 'live:a', messages: MESSAGES, begin });
  assert.ok((await on.publisher.metric('hayate_shard_suspected_total', nameOf(on.victim))) > 0);
  assert.ok((await on.publisher.metric('hayate_shard_republished_total', nameOf(on.victim))) > 0);
  assert.equal(await on.publisher.metric('hayate_shard_dropped_total'), 0);
  on.victim.signal('SIGCONT');
  await poll('the late deliveries', () => received.length > MESSAGES);
  await poll('the server to be used again', () => isUp(on));
  await carries(on);
  assert.ok(received.length <= MESSAGES + (await on.publisher.metric('hayate_shard_republished_total')));
  assert.equal(new Set(received).size, MESSAGES);
});

test('a subscriber gives up its connection to a server that hangs for long, and is back when the server is', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  await on.subscriber.shards.subscribe('live:held', () => undefined);
  on.victim.signal('SIGSTOP');
  await poll('the connection to break', async () => (await on.subscriber.metric('hayate_shard_subscribed', nameOf(on.victim))) === 0);
  on.victim.signal('SIGCONT');
  await poll('the subscription', async () => Number(((await on.victim.command('PUBSUB', 'NUMSUB', 'live:held')) as unknown[])[1]) === 1);
  await poll('the server to be used again', () => isUp(on));
  await carries(on);
});

test('without any server that answers, messages are dropped and counted, and the shards report it', async (t) => {
  const redis = await startRedis(t);
  if (redis === undefined) return;
  const publisher = await openTestShards(t, redis.url);
  await redis.stop();
  await poll('the connection to break', () => publisher.shards.unready());
  assert.equal(publisher.shards.unready(), 'no shard is connected');
  for (let i = 0; i < 10; i++) publisher.shards.publish('live:a', Buffer.from('x'));
  await poll('the lost connection to be counted', async () => (await publisher.metric('hayate_shard_dropped_total', 'no_server')) === 10);
  await redis.restart();
  await poll('ready again', () => publisher.shards.unready() === undefined);
});

test('messages above the bound of the queue are dropped and counted, and the rest arrives', async (t) => {
  const redis = await startRedis(t);
  if (redis === undefined) return;
  const shards = await openTestShards(t, redis.url, { ...patient, queueBytesMax: 2 ** 20 });
  const received: number[] = [];
  await shards.shards.subscribe('live:a', (message) => received.push(message.length));
  const bytes = 100 * 1_024;
  for (let i = 0; i < 20; i++) shards.shards.publish('live:a', new Uint8Array(bytes));
  await poll('the messages that fit', () => received.length === 10);
  assert.equal(await shards.metric('hayate_shard_dropped_total', 'queue_full'), 10);
  await poll('the answers', async () => (await shards.metric('hayate_shard_unanswered')) === 0);
  shards.shards.publish('live:a', new Uint8Array(7));
  await poll('one more message', () => received.at(-1) === 7);
});

test('subscribers whose connections are killed subscribe to all of their channels again', async (t) => {
  const on = await stage(t, patient);
  if (on === undefined) return;
  const channels = Array.from({ length: 700 }, (_, i) => `live:${i}`);
  const received: string[] = [];
  await Promise.all(
    channels.map((channel) => on.subscriber.shards.subscribe(channel, (message) => received.push(Buffer.from(message).toString()))),
  );
  const counts = async (): Promise<unknown[]> => {
    const listed = await Promise.all(on.servers.map((redis) => redis.command('PUBSUB', 'NUMSUB', ...channels)));
    return listed.flatMap((list) => (list as unknown[]).filter((_, i) => i % 2 === 1));
  };
  assert.ok((await counts()).every((count) => count === 1));
  assert.equal(await on.victim.command('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
  await poll('all channels', async () => (await counts()).every((count) => count === 1));
  for (const channel of channels) on.publisher.shards.publish(channel, Buffer.from(channel), Number.POSITIVE_INFINITY);
  await poll('every message from every server', () => received.length === channels.length * on.servers.length);
});

test('a subscriber that is cut off for its output buffer was counted as a receiver, and reconnects', async (t) => {
  const redis = await startRedis(t, { args: ['--client-output-buffer-limit', 'pubsub 32kb 32kb 0'] });
  if (redis === undefined) return;
  const shards = await openTestShards(t, redis.url, patient);
  const received: number[] = [];
  await shards.shards.subscribe('live:a', (message) => received.push(message.length));
  shards.shards.publish('live:a', new Uint8Array(2 ** 20));
  await poll('the subscriber to be cut off', async () => (await shards.metric('hayate_shard_disconnects_total')) === 1);
  assert.equal(await shards.metric('hayate_shard_publishes_without_subscriber_total'), 0);
  assert.deepEqual(received, []);
  await poll('the subscription', async () => Number(((await redis.command('PUBSUB', 'NUMSUB', 'live:a')) as unknown[])[1]) === 1);
  shards.shards.publish('live:a', new Uint8Array(7));
  await poll('the small message', () => received.length === 1);
  assert.deepEqual(received, [7]);
});

test('a pause of this process is not taken for the silence of a server', async (t) => {
  const redis = await startRedis(t);
  if (redis === undefined) return;
  const shards = await openTestShards(t, redis.url);
  const received: number[] = [];
  await shards.shards.subscribe('live:a', (message) => received.push(message.length));
  shards.shards.publish('live:a', new Uint8Array(3));
  await new Promise((written) => setImmediate(() => setImmediate(written)));
  // Block this process for longer than servers may stay silent. The server answers others
  // meanwhile.
  const startMs = performance.now();
  while (performance.now() - startMs < 400) {
    assert.equal(pingMeanwhile(redis), 'PONG');
  }
  await poll('the message', () => received.length === 1);
  assert.equal(await shards.metric('hayate_shard_suspected_total'), 0);
  assert.equal(await shards.metric('hayate_shard_disconnects_total'), 0);
});

test('a user with the rights to publish, subscribe and ping suffices; one without the right to publish is reported', async (t) => {
  const redis = await startRedis(t);
  if (redis === undefined) return;
  await redis.command(
    'ACL',
    'SETUSER',
    'hayate',
    'on',
    '>s3cret',
    'resetchannels',
    '&*',
    '-@all',
    '+publish',
    '+subscribe',
    '+unsubscribe',
    '+ping',
  );
  await redis.command('ACL', 'SETUSER', 'reader', 'on', '>s3cret', 'resetchannels', '&*', '-@all', '+subscribe', '+unsubscribe', '+ping');
  const at = `${redis.host}:${redis.port}`;
  const shards = await openTestShards(t, `redis://hayate:s3cret@${at}`, patient);
  assert.equal((await sendAndReceive({ publisher: shards, subscriber: shards, channel: 'live:a', messages: 20 })).length, 20);
  const reader = await openTestShards(t, `redis://reader:s3cret@${at}`);
  reader.shards.publish('live:a', Buffer.from('x'));
  await poll('the refusal', async () => (await reader.metric('hayate_shard_dropped_total', 'unanswered')) === 1);
});
