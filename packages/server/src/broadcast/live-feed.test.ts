// The envelopes of an epoch that listeners receive, over the memory shards: each frame names the
// one before it, and missed frames are published again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary } from '@bufbuild/protobuf';
import { EndedSchema, EndReason, peekFrame } from '@hayate/protocol';
import { type Envelope, EnvelopeSchema } from '@hayate/protocol/server';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { FrameSource } from '../../../../test/support/wire-peer.ts';
import { createContext } from '../kernel/context.ts';
import { openMemoryShards } from '../shard/memory/open.ts';

import { LiveFeed } from './live-feed.ts';
import { PublicationMetrics } from './publication-metrics.ts';

async function setUp() {
  const clock = new ManualClock();
  const shards = openMemoryShards();
  const context = createContext({ logLevel: 'silent', clock });
  const heard: Envelope[] = [];
  const groups: Envelope[] = [];
  await shards.subscribe('live:x', (bytes) => heard.push(fromBinary(EnvelopeSchema, bytes)));
  await shards.subscribe('reply:1', (bytes) => groups.push(fromBinary(EnvelopeSchema, bytes)));
  const metrics = new PublicationMetrics(context, 'streamer');
  const feed = new LiveFeed({
    ...{ stream: 'x', epoch: 1n, incarnation: 2n, generation: () => 1, nextSequence: 0 },
    ...{ clock, shards, metrics },
  });
  const source = new FrameSource('x', 1n);
  const publish = (...frames: Uint8Array[]) => {
    for (const frame of frames) assert.equal(feed.add(frame, peekFrame(frame), clock.nowUnixUs()), true);
    feed.flush();
  };
  /** The envelopes from index `from` on, once there are `count` of them. */
  const envelopes = async (from: number, count: number) => {
    await poll(`${count} envelopes`, () => heard.length >= from + count);
    return heard.slice(from);
  };
  return { clock, feed, source, publish, envelopes, groups, heard };
}

const links = ({ frames }: Envelope) => frames.map(({ frame, previousPlusOne }) => [peekFrame(frame).sequence, Number(previousPlusOne)]);

test('each frame names the sequence before it; a frame that is not newer is not live', async () => {
  const { feed, source, publish, envelopes } = await setUp();
  publish(source.header('A'), source.key());
  source.sequence = 5;
  const late = source.event();
  publish(late);
  assert.equal(feed.add(late, peekFrame(late), 0), false);
  feed.flush();
  const [first, second] = await envelopes(0, 2);
  assert.deepEqual(first && links(first), [
    [0, 0],
    [1, 1],
  ]);
  assert.deepEqual(second && links(second), [[5, 2]]);
});

test('missed frames are published again with the same links, once in 20 ms for any number of requests', async () => {
  const { clock, feed, source, publish, envelopes, heard } = await setUp();
  publish(source.header('A'), source.key(), source.audio(), source.event());
  feed.repair([{ first: 1, last: 2 }]);
  feed.repair([{ first: 1, last: 3 }]);
  feed.repair([{ first: 1, last: 2 }]);
  const again = await envelopes(1, 2);
  assert.deepEqual(again.map(links), [
    [
      [1, 1],
      [2, 2],
    ],
    [[3, 3]],
  ]);
  clock.advance(20);
  feed.repair([{ first: 0, last: 99 }]);
  assert.equal((await envelopes(3, 1))[0]?.frames.length, 4);
  clock.advance(20);
  feed.repair([{ first: 50, last: 99 }]);
  publish(source.audio());
  assert.deepEqual((await envelopes(4, 1)).map(links), [[[4, 4]]]);
  assert.equal(heard.length, 5);
});

test('frames older than two seconds are gone, and the group remains', async () => {
  const { clock, feed, source, publish, envelopes, groups } = await setUp();
  publish(source.header('A'), source.key(), source.audio());
  clock.advance(2_001);
  publish(source.delta());
  feed.repair([{ first: 0, last: 9 }]);
  assert.deepEqual((await envelopes(2, 1)).map(links), [[[3, 3]]]);
  feed.sendGroup('reply:1');
  await poll('the group', () => groups.length === 1);
  assert.deepEqual(
    groups.map((group) => [group.group, Number(group.nextSequence), links(group).map(([sequence]) => sequence)]),
    [[true, 4, [0, 1, 3]]],
  );
});

test('during silence the last frame is named at once and then every second, and the end is announced for three seconds', async () => {
  const { clock, feed, source, publish, envelopes, heard } = await setUp();
  publish(source.header('A'));
  const tick = (times: number) => {
    for (let i = 0; i < times; i++) {
      clock.advance(100);
      feed.tick(clock.nowMs());
    }
  };
  tick(1);
  assert.deepEqual(
    (await envelopes(1, 1)).map(({ nextSequence }) => nextSequence),
    [1n],
  );
  tick(20);
  await envelopes(2, 2);
  feed.end(create(EndedSchema, { epoch: 1n, nextSequence: 1n, reason: EndReason.FINISHED }));
  tick(50);
  const ends = await envelopes(4, 6);
  assert.deepEqual(
    ends.map(({ end, nextSequence }) => [end?.reason, nextSequence]),
    Array.from({ length: 6 }, () => [EndReason.FINISHED, 1n]),
  );
  assert.equal(feed.over(clock.nowMs()), true);
  assert.equal(heard.length, 10);
});

test('a flush without frames says nothing, so that silence still names the last frame', async () => {
  const { clock, feed, source, publish, envelopes, heard } = await setUp();
  publish(source.header('A'));
  clock.advance(99);
  feed.flush();
  clock.advance(1);
  feed.tick(clock.nowMs());
  const [, tail] = await envelopes(0, 2);
  assert.deepEqual([tail?.nextSequence, tail?.frames.length, heard.length], [1n, 0, 2]);
});

test('viewers hear of a number of viewers once, and after the end not at all', async () => {
  const { feed, envelopes, heard } = await setUp();
  assert.deepEqual(
    [3, 3, 4].map((viewers) => feed.tellViewers(viewers)),
    [true, false, true],
  );
  feed.end(create(EndedSchema, { epoch: 1n, nextSequence: 0n, reason: EndReason.FINISHED }));
  assert.equal(feed.tellViewers(5), false);
  assert.deepEqual(
    (await envelopes(0, 3)).map(({ viewers, end }) => viewers ?? end?.reason),
    [3, 4, EndReason.FINISHED],
  );
  assert.equal(heard.length, 3);
});
