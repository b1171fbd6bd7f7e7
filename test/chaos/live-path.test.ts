// The guarantees of the live path when its parts fail: real processes, real Redis, real DNS, real
// signals. Every test broadcasts a fixed number of frames, breaks a part at a certain frame, and
// then compares every viewer's account with the sent frames. While one way is left, nothing is
// lost.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startDns } from '../support/dns.ts';
import { freePort } from '../support/free-port.ts';
import { type Redis, startRedis, startRedisServers } from '../support/redis.ts';
import { type ClusterOptions, LiveCluster } from './live-cluster.ts';
import { LiveShow } from './live-show.ts';

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
const urlsOf = (servers: readonly Redis[]): string => servers.map(({ url }) => url).join(',');
const NAME = 'shards.test';
const addressesOf = (hosts: readonly string[]): string[] => hosts.map((host) => `host-record=${NAME},${host}`);

interface Stage {
  readonly redis: readonly [Redis, Redis, Redis];
  readonly cluster: LiveCluster;
  readonly show: LiveShow;
}

/**
 * Three Redis, a streamer, two listeners, viewers on both, and a show that has sent 60 frames.
 * Returns undefined after skipping the test.
 */
async function stage(t: TestContext, options: Partial<ClusterOptions> = {}, redisArgs: readonly string[] = []): Promise<Stage | undefined> {
  const [first, second, third] = (await startRedisServers(t, HOSTS, { args: redisArgs })) ?? [];
  if (first === undefined || second === undefined || third === undefined) return undefined;
  const redis = [first, second, third] as const;
  const cluster = await LiveCluster.start(t, { shards: urlsOf(redis), ...options });
  const show = await LiveShow.begin(cluster);
  await show.untilSent(60);
  return { redis, cluster, show };
}

/** Ends the show and checks all accounts. */
async function finish({ show }: Pick<Stage, 'show'>, { mayLose = false } = {}): Promise<number> {
  const missed = await show.settle(await show.end(), { mayLose });
  await show.assertBalanced();
  return missed;
}

test('a Redis killed in mid-broadcast and started again loses no frame', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  await on.redis[1].stop();
  await on.show.untilSent(250);
  await on.redis[1].restart();
  // It gets slots again, and carries them.
  await on.show.until('the Redis to be used again', async () => {
    const subscribed = await on.cluster.sum('listener', 'hayate_shard_subscribed', on.redis[1].host);
    return subscribed === 2 && (await on.cluster.sum('streamer', 'hayate_shard_up', on.redis[1].host)) === 1;
  });
  await on.show.untilSent(on.show.sent + 100);
  await finish(on);
});

test('a Redis that hangs and resumes later duplicates and loses no frame', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  on.redis[0].signal('SIGSTOP');
  await on.show.until('suspicion', async () => (await on.cluster.sum('streamer', 'hayate_shard_suspected_total')) > 0);
  await on.show.untilSent(on.show.sent + 150);
  on.redis[0].signal('SIGCONT');
  await on.show.until('its late messages', async () => (await on.cluster.sum('listener', 'hayate_listener_duplicate_frames_total')) > 0);
  await on.show.untilSent(on.show.sent + 100);
  await finish(on);
});

test('listeners whose subscriptions are killed repeatedly, on one Redis after the other, get the frames that they missed', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  for (let round = 0; round < 6; round++) {
    await on.redis[round % 3]?.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await on.show.untilSent(on.show.sent + 50);
  }
  assert.ok((await on.cluster.sum('listener', 'hayate_shard_disconnects_total', 'subscriber')) >= 6);
  await finish(on);
});

test('listeners cut off for a tiny output buffer are counted as receivers, and get the frames that they missed', async (t) => {
  const on = await stage(t);
  if (on === undefined) return;
  // Redis buffers 16 KiB for each client; with this limit, one byte more is too much. A larger
  // message closes the connections of all its subscribers, and PUBLISH still counts them as
  // receivers.
  await on.redis[2].command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1 0 0');
  on.show.eventBytes = 20_000;
  await on.show.until(
    'listeners to be cut off',
    async () => (await on.cluster.sum('listener', 'hayate_shard_disconnects_total', 'subscriber')) >= 4,
  );
  await on.show.untilSent(on.show.sent + 100);
  on.show.eventBytes = 10;
  await on.redis[2].command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60');
  await on.show.untilSent(on.show.sent + 100);
  await finish(on);
});

test('Redis servers that DNS adds and removes are taken into use and left without loss', async (t) => {
  const port = await freePort();
  const [first, second, third] = [...HOSTS];
  const servers = await startRedisServers(t, [first ?? '', second ?? ''], { port });
  const dns = await startDns(t, addressesOf([first ?? '', second ?? '']));
  if (servers === undefined || dns === undefined) return;
  const cluster = await LiveCluster.start(t, {
    shards: `dns+redis://${NAME}:${port}`,
    flags: ['--dns-server', dns.address, '--shard-resolve-ms', '200'],
  });
  const show = await LiveShow.begin(cluster);
  await show.untilSent(60);
  const added = await startRedis(t, { host: third ?? '', port });
  if (added === undefined) return;
  await dns.answer(addressesOf(HOSTS));
  await show.until('the new Redis to carry frames', async () => (await cluster.sum('listener', 'hayate_shard_received_total', third)) > 10);
  await dns.answer(addressesOf([second ?? '', third ?? '']));
  await show.until('the old Redis to be left', async () => (await cluster.sum('streamer', 'hayate_shard_up', first)) === 0);
  await show.untilSent(show.sent + 50);
  await servers[0]?.stop();
  await show.untilSent(show.sent + 100);
  await finish({ show });
});

test('listeners that each miss a different Redis get the missing frames from the others', async (t) => {
  const servers = await startRedisServers(t, HOSTS);
  if (servers === undefined) return;
  const cluster = await LiveCluster.start(t, {
    shards: (role, index) => urlsOf(role === 'streamer' ? servers : servers.filter((_, number) => number !== index)),
  });
  const show = await LiveShow.begin(cluster);
  await show.untilSent(400);
  assert.ok((await cluster.sum('streamer', 'hayate_streamer_repaired_frames_total')) > 50);
  await finish({ show });
});

test('restarting listeners one after the other loses no frame for their viewers', async (t) => {
  const on = await stage(t, { flags: ['--go-away-ms', '6000'] });
  if (on === undefined) return;
  for (const old of [...on.cluster.listeners]) {
    await on.cluster.add('listener');
    await on.cluster.stop(old);
    await on.show.untilCaughtUp();
  }
  assert.ok(on.show.viewers.every(({ stats }) => stats.reconnects >= 1));
  await on.show.untilSent(on.show.sent + 50);
  await finish(on);
});

test('viewers of a listener that is killed get all missed frames from another', async (t) => {
  const on = await stage(t);
  const [victim] = on?.cluster.listeners ?? [];
  if (on === undefined || victim === undefined) return;
  await on.cluster.kill(victim);
  await on.show.until('viewers to return', () => on.show.viewers.some(({ stats }) => stats.reconnects > 0));
  await on.show.untilCaughtUp();
  await on.show.untilSent(on.show.sent + 100);
  await finish(on);
});

test('a broadcaster whose streamer is killed continues on another, and every viewer can tell which frames are missing', async (t) => {
  const on = await stage(t, { streamers: 2 });
  if (on === undefined) return;
  const taken = await Promise.all(on.cluster.streamers.map((streamer) => streamer.metric('hayate_streamer_publications')));
  const victim = on.cluster.streamers[taken.indexOf(1)];
  assert.ok(victim !== undefined);
  await on.cluster.kill(victim);
  await on.show.untilSent(on.show.sent + 200);
  await on.show.until('the other streamer', async () => (await on.cluster.sum('streamer', 'hayate_streamer_publications')) === 1);
  const missed = await finish(on, { mayLose: true });
  t.diagnostic(`${missed} frames missed at most`);
});
