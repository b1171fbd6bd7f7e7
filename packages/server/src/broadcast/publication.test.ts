// A broadcast that a part of the same process feeds, as a room does: no connection, the memory
// shards and the real file log.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { type Ended, EndReason, peekFrame } from '@hayate/protocol';
import { EnvelopeSchema } from '@hayate/protocol/server';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { poll } from '../../../../test/support/poll.ts';
import { openRecordingLog } from '../../../../test/support/recording-log.ts';
import { FrameSource } from '../../../../test/support/wire-peer.ts';
import { createContext } from '../kernel/context.ts';
import { LogRefusedError } from '../log/log.ts';
import { openMemoryShards } from '../shard/memory/open.ts';
import { Channels } from '../shard/shard.ts';
import { Publication } from './publication.ts';
import { PublicationMetrics } from './publication-metrics.ts';
import type { DismissalCode, Publisher } from './publisher.ts';

/** A publisher that notes what it was told, and the order. */
class NotingPublisher implements Publisher {
  acknowledged = 0;
  readonly resends: number[] = [];
  readonly viewers: number[] = [];
  ended: Ended | undefined;
  dismissal: DismissalCode | undefined;

  acknowledge(nextSequence: number): void {
    assert.ok(nextSequence > this.acknowledged && this.ended === undefined);
    this.acknowledged = nextSequence;
  }

  resend(fromSequence: number): void {
    this.resends.push(fromSequence);
  }

  tellViewers(viewers: number): void {
    this.viewers.push(viewers);
  }

  finish(end: Ended): void {
    this.ended = end;
  }

  dismiss(code: DismissalCode): void {
    this.dismissal = code;
  }
}

/** A broadcast of stream x. `refuse()`: the log refuses the next append. */
async function setUp(t: TestContext) {
  let refusals = 0;
  const { log, batches } = await openRecordingLog(t, () => {
    if (refusals === 0) return;
    refusals--;
    throw new LogRefusedError('full', 'no space');
  });
  const shards = openMemoryShards();
  cleanUp(t, () => shards.close());
  const live: number[] = [];
  await shards.subscribe(Channels.live('x'), (bytes) =>
    live.push(...fromBinary(EnvelopeSchema, bytes).frames.map(({ frame }) => peekFrame(frame).sequence)),
  );
  const context = createContext({ logLevel: 'silent' });
  const publication = new Publication({
    ...{ stream: 'x', epoch: 7n, incarnation: context.incarnation, clock: context.clock, nextSequence: 0, shards, log },
    budget: { unsettledBytes: 0 },
    limits: { batchMs: 1, batchBytesMax: 65_536, streamBytesMax: 524_288, processBytesMax: 1 << 20, retryMs: 1, frameBytesMax: 65_536 },
    metrics: new PublicationMetrics(context, 'room'),
    onEnded: () => undefined,
  });
  cleanUp(t, () => publication.close());
  const source = new FrameSource('x', 7n);
  return { publication, source, batches, live, refuse: () => refusals++ };
}

test('a publisher in the same process is told what is durable, then that its end is', async (t) => {
  const { publication, source, batches, live } = await setUp(t);
  const publisher = new NotingPublisher();
  assert.equal(publication.attach(publisher, 1, { sub: 'room' }, 0), undefined);
  publication.take([source.header('A'), source.audio(), source.event()]);
  await poll('the acknowledgement', () => publisher.acknowledged === 3);
  assert.deepEqual(live, [0, 1, 2]);
  publication.finish(3);
  await poll('the end', () => publisher.ended !== undefined);
  assert.deepEqual([publisher.ended?.reason, publisher.ended?.nextSequence, publisher.dismissal], [EndReason.FINISHED, 3n, undefined]);
  assert.deepEqual(
    batches.flatMap(({ frames, labels }) => frames.map(({ frame }) => [peekFrame(frame).sequence, labels.sub])),
    [
      [0, 'room'],
      [1, 'room'],
      [2, 'room'],
    ],
  );
});

test('after a refusal of the log the publisher gives its frames again, and viewers see none twice', async (t) => {
  const { publication, source, live, refuse } = await setUp(t);
  const publisher = new NotingPublisher();
  publication.attach(publisher, 1, {}, 0);
  const frames = [source.header('A'), source.audio()];
  refuse();
  publication.take(frames);
  await poll('the request to send again', () => publisher.resends.length > 0);
  assert.deepEqual([publisher.resends[0], publisher.acknowledged], [0, 0]);
  publication.take(frames);
  await poll('the acknowledgement', () => publisher.acknowledged === 2);
  assert.deepEqual(live, [0, 1]);
});

test('a newer publisher takes over: the older one is dismissed, is told nothing more, and its departure changes nothing', async (t) => {
  const { publication, source } = await setUp(t);
  const [older, newer] = [new NotingPublisher(), new NotingPublisher()];
  publication.attach(older, 1, {}, 0);
  assert.equal(publication.attach(newer, 2, {}, 0), older);
  assert.deepEqual([older.dismissal, newer.dismissal], ['SUPERSEDED', undefined]);
  publication.detach(older);
  assert.equal(publication.attached, true);
  publication.take([source.header('A')]);
  await poll('the acknowledgement', () => newer.acknowledged === 1);
  assert.equal(older.acknowledged, 0);
  publication.detach(newer);
  assert.equal(publication.attached, false);
});

test('a publisher is told the number of viewers when it changes, and when the broadcast is ended by others', async (t) => {
  const { publication } = await setUp(t);
  const publisher = new NotingPublisher();
  publication.attach(publisher, 1, {}, 0);
  publication.report(5n, 3);
  for (let times = 0; times < 3; times++) publication.tellViewers(createContext({ logLevel: 'silent' }).clock.nowMs());
  assert.deepEqual(publisher.viewers, [3]);
  publication.end(EndReason.MODERATED);
  publication.dismissPublisher('STREAM_ENDED');
  await publication.drain();
  assert.deepEqual([publisher.dismissal, publisher.ended], ['STREAM_ENDED', undefined]);
});
