// The whole live path in simulated worlds with one fault at a time: the promises of the design must
// hold. The real streamer, listener, fan-out and Redis adapter run on virtual time. Nothing here
// waits, and any time asserted is virtual.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseCodes } from '@hayate/protocol';
import { conclude, type Expectation } from './conclude.ts';
import { conducts } from './conduct.ts';
import { healAll } from './fault.ts';
import type { SimulatedRedis } from './simulated-redis.ts';
import { GOOD_LINE, World, type WorldOptions } from './world.ts';

/** Nothing lost, and no frame later than the goal of 250 ms plus the delay of the path. */
const whole: Expectation = { nothingLost: true, isUnbroken: true, slowestMsMax: 320 };
const counted: Expectation = { nothingLost: false, isUnbroken: false };

/** A running world with a broadcast and viewers on every listener. */
async function liveWorld(options: Partial<WorldOptions> = {}): Promise<World> {
  const world = new World({ seed: 1, ...options, flags: ['--linger-ms', '500', '--shard-resolve-ms', '1000', ...(options.flags ?? [])] });
  await world.start();
  world.broadcast('show');
  for (let i = 0; i < 2 * world.listeners.length; i++) world.watch('show', { listener: i % world.listeners.length });
  await world.run(1_500);
  return world;
}

function redisOf(world: World, index: number): SimulatedRedis {
  const redis = world.redis[index];
  assert.ok(redis !== undefined);
  return redis;
}

/** The sum of a metric over listeners or streamers. */
async function sum(nodes: readonly { metric: (name: string) => Promise<number> }[], name: string): Promise<number> {
  const values = await Promise.all(nodes.map((node) => node.metric(name)));
  return values.reduce((total, value) => total + value, 0);
}

test('a world without faults loses nothing and repairs nothing, and viewers receive all frames that listeners sent', async () => {
  const world = await liveWorld();
  await world.run(3_000);
  const { listeners, viewers } = world;
  await conclude(world, { ...whole, slowestMsMax: 60 });
  assert.equal(await sum(listeners, 'hayate_listener_repair_requests_total'), 0);
  assert.equal(
    await sum(listeners, 'hayate_listener_viewer_frames_sent_total'),
    viewers.reduce((total, { frames }) => total + frames, 0),
  );
});

test('the same seed gives the same story, and another seed gives another', async () => {
  const storyOf = async (seed: number) => {
    const world = await liveWorld({ seed });
    redisOf(world, 1).kill('reset');
    await world.run(1_000);
    return `${world.time.events} ${world.story}`;
  };
  const story = await storyOf(5);
  assert.equal(await storyOf(5), story);
  assert.notEqual(await storyOf(6), story);
});

for (const how of ['reset', 'silent'] as const)
  test(`a Redis that dies (${how}) loses no frame, and none when it returns`, async () => {
    const world = await liveWorld();
    redisOf(world, 1).kill(how);
    await world.run(1_500);
    redisOf(world, 1).restart();
    await world.run(3_000);
    await conclude(world, whole);
  });

test('a Redis that hangs is no longer used, and its late frames are dropped as duplicates', async () => {
  const world = await liveWorld();
  redisOf(world, 1).hang();
  await world.run(2_000);
  assert.ok((await sum(world.streamers, 'hayate_shard_suspected_total')) > 0);
  assert.ok((await sum(world.streamers, 'hayate_shard_republished_total')) > 0);
  redisOf(world, 1).resume();
  await world.run(2_000);
  assert.ok((await sum(world.listeners, 'hayate_listener_duplicate_frames_total')) > 0);
  await conclude(world, whole);
});

test('no frame is lost when every Redis but one hangs at once', async () => {
  const world = await liveWorld();
  redisOf(world, 1).hang();
  redisOf(world, 2).hang();
  await world.run(1_500);
  redisOf(world, 2).resume();
  await world.run(100);
  redisOf(world, 1).resume();
  await world.run(2_000);
  await conclude(world, whole);
});

test('when every Redis hangs, viewers get the repaired frames and gaps for the rest', async () => {
  const world = await liveWorld();
  for (const redis of world.redis) redis.hang();
  await world.run(3_000);
  for (const redis of world.redis) redis.resume();
  await world.run(2_000);
  await conclude(world, { nothingLost: false, isUnbroken: true });
});

test('listeners each cut off from another Redis get the missing frames from the others', async () => {
  const world = await liveWorld();
  world.path('L0', redisOf(world, 0)).block('both');
  world.path('L1', redisOf(world, 1)).block('both');
  await world.run(3_000);
  assert.ok((await sum(world.streamers, 'hayate_streamer_repaired_frames_total')) > 0);
  world.path('L0', redisOf(world, 0)).heal();
  world.path('L1', redisOf(world, 1)).heal();
  await world.run(2_000);
  await conclude(world, whole);
});

test('listeners that each reach a different one of two Redis lose nothing', async () => {
  const world = await liveWorld({ shards: 2 });
  world.path('L0', redisOf(world, 0)).block('both');
  world.path('L1', redisOf(world, 1)).block('both');
  await world.run(3_000);
  healAll(world);
  await conclude(world, whole);
});

test("a listener that reaches one Redis of four is answered there, in any order of the streamer's slots", async () => {
  const world = await liveWorld({ shards: 4 });
  for (const index of [0, 1, 3]) world.path('L0', redisOf(world, index)).block('both');
  await world.run(3_000);
  healAll(world);
  await conclude(world, { nothingLost: true, isUnbroken: true });
});

test('a half-open subscriber connection without a close is given up and replaced', async () => {
  const world = await liveWorld();
  world.path('L0', redisOf(world, 2)).block('toClient');
  await world.run(6_000);
  const disconnects = (await world.listeners[0]?.metric('hayate_shard_disconnects_total', 'connection="subscriber"')) ?? 0;
  assert.ok(disconnects > 0);
  world.path('L0', redisOf(world, 2)).heal();
  await world.run(2_000);
  await conclude(world, whole);
});

test('a subscriber cut off for its output buffer, but still counted as a receiver, is repaired', async () => {
  const world = await liveWorld();
  for (let i = 0; i < 6; i++) {
    redisOf(world, i % 3).cutSubscriber(`L${i % 2}`);
    await world.run(400);
  }
  await conclude(world, whole);
});

test('an output buffer that is too small for a short network stall costs a connection, not a frame', async () => {
  const world = await liveWorld();
  for (const redis of world.redis) redis.outputBytesMax = 4_096;
  world.path('L0', redisOf(world, 0)).block('toClient');
  await world.run(1_500);
  world.path('L0', redisOf(world, 0)).heal();
  await world.run(1_500);
  await conclude(world, whole);
});

test('a new Redis that half of the listeners have not found loses nothing', async () => {
  const world = await liveWorld();
  const redis = world.addRedis();
  world.tell('L1', redis, false);
  await world.run(6_000);
  assert.ok(redis.published > 0);
  assert.ok((await sum(world.streamers, 'hayate_streamer_repaired_frames_total')) > 0);
  world.tell('L1', redis, true);
  await world.run(2_000);
  await conclude(world, whole);
});

test('a Redis that DNS no longer names carries no stream before its connection is closed', async () => {
  const world = await liveWorld();
  const redis = redisOf(world, 2);
  for (const [i, { name }] of world.nodes.entries()) world.in(200 * i, () => world.tell(name, redis, false));
  await world.run(3_000);
  const published = redis.published;
  await world.run(2_000);
  assert.equal(redis.published, published);
  redis.kill('reset');
  await world.run(12_000);
  await conclude(world, whole);
});

test('with a third of the messages lost on every path, frames are asked for until they arrive or are counted', async () => {
  const world = await liveWorld({ seed: 3 });
  for (const { name } of world.listeners) for (const redis of world.redis) world.path(name, redis).lossShare = 0.33;
  await world.run(3_000);
  for (const { name } of world.listeners) for (const redis of world.redis) world.path(name, redis).lossShare = 0;
  assert.ok((await sum(world.streamers, 'hayate_streamer_repaired_frames_total')) > 20);
  await conclude(world, { nothingLost: false, isUnbroken: true });
});

test('viewers learn the end of a broadcast although its first END is lost everywhere', async () => {
  const world = await liveWorld();
  for (const broadcaster of world.broadcasters) broadcaster.finish();
  for (const { name } of world.listeners) for (const redis of world.redis) world.path(name, redis).lossShare = 1;
  await world.run(700);
  for (const { name } of world.listeners) for (const redis of world.redis) world.path(name, redis).lossShare = 0;
  await world.until('the end', () => world.viewers.every(({ watching }) => watching?.ended === true), 3_000);
  await conclude(world, { nothingLost: false, isUnbroken: true });
});

test('another streamer takes over from one that dies, and missing frames are counted', async () => {
  const world = await liveWorld({ streamers: 2 });
  const [broadcaster] = world.broadcasters;
  broadcaster?.node?.process.kill();
  await world.run(3_000);
  assert.equal(broadcaster?.resumes, 1);
  await conclude(world, counted);
});

test('a streamer that is asked to stop hands over its broadcaster', async () => {
  const world = await liveWorld({ streamers: 2 });
  const [broadcaster] = world.broadcasters;
  void broadcaster?.node?.stop();
  await world.run(3_000);
  assert.equal(broadcaster?.resumes, 1);
  await conclude(world, counted);
});

test('viewers get the end of a broadcaster that never returns, after the return window', async () => {
  const world = await liveWorld({ flags: ['--return-window-ms', '2000'] });
  const [streamer] = world.streamers;
  if (streamer !== undefined) streamer.leaving = true;
  world.broadcasters[0]?.roam();
  await world.until('the end', () => world.viewers.every(({ watching }) => watching?.ended === true), 4_000);
  if (streamer !== undefined) streamer.leaving = false;
  // It does come back later, in the same epoch.
  await world.run(2_000);
  await conclude(world, counted);
});

test('viewers get the end of a broadcast whose only streamer dies, after a long silence', async () => {
  const world = await liveWorld({ flags: ['--return-window-ms', '2000'] });
  world.streamers[0]?.process.kill();
  await world.until('the end', () => world.viewers.every(({ watching }) => watching?.ended === true), 10_000);
});

test('restarting listeners one after the other costs their viewers nothing', async () => {
  const world = await liveWorld({ listeners: 3 });
  for (const listener of world.listeners.slice(0, 2)) {
    for (const viewer of world.viewers) viewer.goAnywhere();
    void listener.stop();
    await world.run(1_500);
  }
  const expected = { nothingLost: true, isUnbroken: true };
  await conclude(world, expected);
  for (const viewer of world.viewers) for (const { missing } of viewer.accounts.values()) assert.equal(missing.expired.size, 0);
});

test('viewers of a listener that is killed while a Redis hangs get the rest from another', async () => {
  const world = await liveWorld();
  for (const viewer of world.viewers) viewer.goAnywhere();
  redisOf(world, 0).hang();
  await world.run(20);
  world.listeners[0]?.process.kill();
  await world.run(2_000);
  redisOf(world, 0).resume();
  await conclude(world, { nothingLost: true, isUnbroken: true });
});

test('dropped frames of slow viewers are counted, and the other viewers lose nothing', async () => {
  const world = await liveWorld();
  world.watch('show', { line: { delayMs: 40, bytesPerMs: 6, kernelBytes: 8_192 }, isSlow: true });
  world.watch('show', { line: { ...GOOD_LINE, kernelBytes: 2_048 }, receiptDelayMs: 2_500, isSlow: true });
  const stalled = world.watch('show', { isSlow: true });
  await world.run(1_000);
  stalled.stall(6_000);
  await world.run(8_000);
  assert.ok((await sum(world.listeners, 'hayate_listener_viewer_frames_dropped_total')) > 0);
  await conclude(world, { ...whole, slowestMsMax: 60 });
});

test("the age of frames at a viewer on a bad line is bounded, for any size of its kernel's buffers", async () => {
  const world = await liveWorld({ flags: ['--window-bytes', '16384'] });
  const slow = world.watch('show', { line: { delayMs: 40, bytesPerMs: 4, kernelBytes: 2 ** 21 }, isSlow: true });
  await world.run(14_000);
  // A window in flight, a deadline in the queue, a receipt's delay, and gaps and events, which do
  // not count towards the window.
  assert.ok(slow.oldestMs < 16_384 / 4 + 1_000 + 1_500, `${slow.oldestMs}`);
  assert.ok(slow.oldestMs > 1_000);
  await conclude(world, { ...whole, slowestMsMax: 60 });
});

test('frames that wait for viewers who leave are counted', async () => {
  const world = await liveWorld({ flags: ['--window-bytes', '16384'] });
  for (const viewer of world.viewers.slice(0, 2)) viewer.stall(4_000);
  await world.run(3_000);
  for (const viewer of world.viewers) viewer.roam();
  await world.run(3_000);
  const dropped = await Promise.all(
    world.listeners.map((node) => node.metric('hayate_listener_viewer_frames_dropped_total', 'reason="closed"')),
  );
  assert.ok(dropped.every((frames) => frames > 0));
  await conclude(world, { nothingLost: true, isUnbroken: true });
});

test("a listener that was suspended reads its viewers' messages before it judges them", async () => {
  const world = await liveWorld({ flags: ['--receipt-timeout-ms', '1000'] });
  for (const { process } of world.listeners) process.pause(3_000);
  await world.run(6_000);
  assert.deepEqual(
    world.viewers.flatMap(({ closes }) => closes),
    [],
  );
  await conclude(world, counted);
});

test('a pause of a listener is not taken for a silence of the shards', async () => {
  const world = await liveWorld();
  for (let i = 0; i < 8; i++) {
    world.listeners[i % 2]?.process.pause(150);
    world.streamers[0]?.process.pause(100);
    await world.run(500);
  }
  assert.equal(await sum([...world.listeners, ...world.streamers], 'hayate_shard_suspected_total'), 0);
  await conclude(world, { nothingLost: true, isUnbroken: true });
});

test('clients that do not finish the handshake, fall silent, let their token expire or flood get their close code in time, and no other client notices', async () => {
  const timeouts = ['--handshake-timeout-ms', '1000', '--idle-timeout-ms', '4000', '--return-window-ms', '2000'];
  const rates = ['--frames-per-second-max', '100', '--bits-per-second-max', '300000'];
  const world = await liveWorld({ flags: [...timeouts, ...rates] });
  for (const conduct of conducts) world.misbehave(conduct);
  await world.run(6_000);
  for (const { name, isSettled } of world.misbehaving) assert.ok(isSettled, name);
  await conclude(world, { ...whole, slowestMsMax: 60 });
});

test("a server that was suspended reads its clients' messages before it judges their handshakes and their silence", async () => {
  const world = await liveWorld({ flags: ['--handshake-timeout-ms', '1000', '--idle-timeout-ms', '1000', '--return-window-ms', '2000'] });
  for (const conduct of conducts.filter(({ name }) => name === 'renews its token in time')) world.misbehave(conduct);
  for (const { process } of [...world.listeners, ...world.streamers]) process.pause(1_200);
  await world.run(3_000);
  await conclude(world, counted);
});

test('clients have moved to another server when a stopping server closes', async () => {
  const world = await liveWorld({ listeners: 3, flags: ['--go-away-ms', '2000'] });
  for (const viewer of world.viewers) viewer.goAnywhere();
  const [listener] = world.listeners;
  const stopped = listener?.stop();
  await world.run(1_500);
  assert.equal(await listener?.metric('hayate_listener_viewers'), 0);
  if (stopped !== undefined) await world.settle(stopped);
  assert.ok(world.viewers.every(({ closes }) => !closes.includes(CloseCodes.GOING_AWAY.code)));
  await conclude(world, { nothingLost: true, isUnbroken: true });
});

test('the directory lists live streams, and removes others', async () => {
  const world = await liveWorld({ streamers: 2 });
  const names = () => world.directory.directory?.streams().map(({ stream }) => stream);
  world.broadcast('other');
  await world.until('two listings', () => names()?.join() === 'other,show', 3_000);
  redisOf(world, 0).hang();
  redisOf(world, 1).kill('silent');
  await world.run(3_000);
  assert.deepEqual(names(), ['other', 'show']);
  redisOf(world, 0).resume();
  for (const broadcaster of world.broadcasters) broadcaster.finish();
  await world.until('no listing', () => names()?.length === 0, 12_000);
  await conclude(world, { nothingLost: true, isUnbroken: true });
});
