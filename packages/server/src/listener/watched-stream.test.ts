// When a listener believes that a stream is live, and from where its viewers begin. Time passes by
// hand; shards and fan-out are the real ones.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { EnvelopeSchema } from '@hayate/protocol/server';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { FrameSource } from '../../../../test/support/wire-peer.ts';
import { createContext } from '../kernel/context.ts';
import { openMemoryShards } from '../shard/memory/open.ts';
import { CoalesceSchedule } from './coalesce-schedule.ts';
import { FanOutMetrics } from './fan-out-metrics.ts';
import { typescriptSender as sender } from './fan-out-sender.ts';
import { ListenerMetrics } from './listener-metrics.ts';
import { WatchedStream } from './watched-stream.ts';

function setUp(t: TestContext) {
  const clock = new ManualClock();
  const context = createContext({ logLevel: 'silent', clock });
  const shards = openMemoryShards();
  cleanUp(t, () => shards.close());
  const schedule = new CoalesceSchedule(clock, { coalesceMs: 0, coalesceMaxMs: 0, coalesce: 'busy' });
  const metrics = new ListenerMetrics(context);
  const limits = { windowBytes: 65_536, windowMs: 1_000, audioDeadlineMs: 1_000, eventsMax: 256, receiptTimeoutMs: 10_000 };
  const stream = new WatchedStream({
    ...{ name: 'x', clock, shards, metrics, listener: 9n, silenceMs: 5_000 },
    fanOut: { clock, schedule, sender, limits, metrics: new FanOutMetrics(context, metrics, { sender, schedule }) },
  });
  cleanUp(t, () => stream.close());
  let settled = false;
  void stream.settled().then(() => {
    settled = true;
  });
  const source = new FrameSource('x', 7n);
  /** The stream's envelope with these frames, each published directly after the one before. */
  const take = (...frames: readonly Uint8Array[]) => {
    const first = source.sequence - frames.length;
    stream.take(
      create(EnvelopeSchema, {
        ...{ stream: 'x', epoch: 7n, generation: 1, incarnation: 2n },
        frames: frames.map((frame, i) => ({ frame, previousPlusOne: BigInt(first + i), receivedUnixUs: BigInt(clock.nowUnixUs()) })),
      }),
    );
  };
  return { clock, stream, source, take, isSettled: () => settled };
}

/** Lets everything run that a timer has made ready. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a stream counts as not live only once a live one, which speaks every second, would have been heard', async (t) => {
  const { clock, stream, isSettled } = setUp(t);
  clock.advance(1_000);
  await turn();
  assert.equal(isSettled(), false);
  clock.advance(1_000);
  await poll('the wait to be over', isSettled);
  assert.deepEqual([stream.live, stream.everLive], [undefined, false]);
});

test('a viewer of a live stream does not wait: the first frame settles it', async (t) => {
  const { stream, source, take, isSettled } = setUp(t);
  take(source.header('A'), source.key());
  await poll('it to be settled', isSettled);
  assert.deepEqual(stream.live, { epoch: 7n, nextSequence: 2 });
});

test('viewers who waited for a broadcast see it from its first frame, if that was just now, and never begin far behind', (t) => {
  const { clock, stream, source, take } = setUp(t);
  take(source.header('A'), source.key());
  clock.advance(400);
  take(source.audio());
  assert.equal(stream.replayFresh(7n)?.length, 3);
  clock.advance(1_000);
  assert.equal(stream.replayFresh(7n), undefined);
  assert.equal(stream.replay(7n, 0)?.length, 3, 'those who return may still have it all');
  assert.equal(stream.replayFresh(6n), undefined);
});

test('a streamer that stays silent for too long is gone: its stream ends, and lives again when it returns', (t) => {
  const { clock, stream, source, take } = setUp(t);
  take(source.header('A'));
  clock.advance(5_000);
  assert.equal(stream.report()?.epoch, 7n);
  clock.advance(1);
  assert.equal(stream.report(), undefined);
  assert.equal(stream.live, undefined);
  take(source.key());
  assert.deepEqual(stream.live, { epoch: 7n, nextSequence: 2 });
});
