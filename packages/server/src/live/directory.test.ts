import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AnnouncementSchema, ControlSchema } from '@hayate/protocol/server';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { openMemoryShards } from '../shard/memory/open.ts';
import { Channels } from '../shard/shard.ts';
import { decoding } from './channel-message.ts';
import { Directory } from './directory.ts';

async function setUp(t: TestContext) {
  const clock = new ManualClock();
  const shards = openMemoryShards();
  cleanUp(t, () => shards.close());
  let asked = 0;
  await shards.subscribe(
    Channels.control,
    decoding(
      ControlSchema,
      ({ body }) => {
        if (body.case === 'announceFull') asked++;
      },
      assert.fail,
    ),
  );
  let heard = 0;
  await shards.subscribe(Channels.directory, () => heard++);
  const directory = await Directory.open(clock, shards, assert.fail);
  cleanUp(t, () => directory.close());
  let announced = 0;
  const announce = async (announcement: MessageInitShape<typeof AnnouncementSchema>) => {
    shards.publish(Channels.directory, toBinary(AnnouncementSchema, create(AnnouncementSchema, announcement)));
    announced++;
    await poll('the announcement', () => heard === announced);
  };
  return { clock, announce, directory, names: () => directory.streams().map(({ stream }) => stream), asked: () => asked };
}

test('the streams of a process stay while an announcement or two are lost, and go within 10 s of its death', async (t) => {
  const { clock, announce, names } = await setUp(t);
  await announce({ incarnation: 1n, number: 1n, full: true, streams: [{ stream: 'a', epoch: 1n }] });
  await announce({ incarnation: 2n, number: 1n, full: true, streams: [{ stream: 'b', epoch: 1n }] });
  clock.advance(3_000);
  assert.deepEqual(names(), ['a', 'b']);
  clock.advance(6_000);
  await announce({ incarnation: 2n, number: 2n });
  clock.advance(1_000);
  assert.deepEqual(names(), ['b']);
});

test('of two processes that announce a stream the newer epoch, then the newer connection, is listed', async (t) => {
  const { announce, directory } = await setUp(t);
  const listed = () => {
    const { epoch, generation } = directory.stream('a') ?? {};
    return [epoch, generation];
  };
  await announce({ incarnation: 1n, number: 1n, full: true, streams: [{ stream: 'a', epoch: 2n, generation: 1 }] });
  await announce({ incarnation: 2n, number: 1n, full: true, streams: [{ stream: 'a', epoch: 1n, generation: 9 }] });
  assert.deepEqual(listed(), [2n, 1]);
  await announce({ incarnation: 2n, number: 2n, streams: [{ stream: 'a', epoch: 2n, generation: 2 }] });
  assert.deepEqual(listed(), [2n, 2]);
  await announce({ incarnation: 2n, number: 3n, ended: ['a'] });
  assert.deepEqual(listed(), [2n, 1], 'the older connection is still announced');
});

test('after a lost announcement all processes are asked again, at most once a second', async (t) => {
  const { clock, announce, asked } = await setUp(t);
  await poll('the first question', () => asked() === 1);
  await announce({ incarnation: 1n, number: 1n, full: true });
  await announce({ incarnation: 1n, number: 3n });
  clock.advance(1_000);
  await announce({ incarnation: 1n, number: 5n });
  await poll('the second question', () => asked() === 2);
  await announce({ incarnation: 1n, number: 7n });
  clock.advance(1_000);
  await announce({ incarnation: 1n, number: 9n });
  await poll('the third question', () => asked() === 3);
});
