// Promises of a broadcast that outlives its connections, with real connections and the real log.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CloseCodes, EndReason, peekFrame } from '@hayate/protocol';
import { type Envelope, EnvelopeSchema, RepairRequestSchema } from '@hayate/protocol/server';
import { poll } from '../../../../test/support/poll.ts';
import { openRecordingLog } from '../../../../test/support/recording-log.ts';
import { startStreamer } from '../../../../test/support/streamer.ts';
import { connectPeer, FrameSource } from '../../../../test/support/wire-peer.ts';
import { Channels } from '../shard/shard.ts';

/** A streamer over the file log. `batches`: those that the log has taken. */
async function setUp(t: TestContext) {
  const { log, batches } = await openRecordingLog(t);
  const started = await startStreamer(t, log, { batchMs: 1 });
  const live: Envelope[] = [];
  await started.shards.subscribe(Channels.live('x'), (bytes) => live.push(fromBinary(EnvelopeSchema, bytes)));
  /** Publishes stream x as `name`: a new broadcast, or the one of a ticket. */
  const publish = async (name: string, ticket: Uint8Array = new Uint8Array()) => {
    const peer = await connectPeer(t, started.url, '/publish');
    peer.send({ publish: { stream: 'x', token: name, ticket } });
    const welcome = await peer.until('the welcome', ({ published }) => published);
    const acknowledged = (nextSequence: bigint) =>
      peer.until(`the acknowledgement of ${nextSequence}`, ({ ack }) => (ack?.nextSequence === nextSequence ? ack : undefined));
    return { peer, welcome, acknowledged };
  };
  return { ...started, batches, live, publish };
}

test('every ticket is good for almost an hour and no longer, so that a broadcaster can return from a long dead spot', async (t) => {
  const { publish, tickets } = await setUp(t);
  const { peer, welcome, acknowledged } = await publish('ann');
  peer.send({ frames: [new FrameSource('x', welcome.epoch).header('A')] });
  for (const { ticket } of [welcome, await acknowledged(1n)]) {
    const nowMs = Date.now();
    assert.equal(tickets.read(ticket, nowMs + 50 * 60_000)?.epoch, welcome.epoch);
    assert.equal(tickets.read(ticket, nowMs + 61 * 60_000), undefined);
  }
});

test('frames are archived with the labels and the generation of the connection that sent them', async (t) => {
  const { publish, batches } = await setUp(t);
  const first = await publish('ann');
  const source = new FrameSource('x', first.welcome.epoch);
  first.peer.send({ frames: [source.header('A')] });
  const { ticket } = await first.acknowledged(1n);
  const second = await publish('bob', ticket);
  assert.deepEqual([second.welcome.epoch, second.welcome.nextSequence], [first.welcome.epoch, 1n]);
  assert.equal((await first.peer.closed()).code, CloseCodes.SUPERSEDED.code);
  second.peer.send({ frames: [source.event()] });
  await second.acknowledged(2n);
  assert.deepEqual(
    batches.map(({ frames, labels, generation }) => [frames.map(({ frame }) => peekFrame(frame).sequence), labels.sub, generation]),
    [
      [[0], 'ann', first.welcome.generation],
      [[1], 'bob', first.welcome.generation + 1],
    ],
  );
});

test('frames that a broadcaster declares dropped are in the log as such, and hold up no acknowledgement', async (t) => {
  const { publish, batches } = await setUp(t);
  const { peer, welcome, acknowledged } = await publish('ann');
  const source = new FrameSource('x', welcome.epoch);
  peer.send({ frames: [source.header('A')], dropped: [{ first: 1n, last: 3n }] });
  await acknowledged(4n);
  assert.deepEqual(
    batches.flatMap(({ dropped }) => dropped.map(({ first, last }) => [first, last])),
    [[1n, 3n]],
  );
});

test('every frame and byte that arrives or will never arrive is counted, for dashboards that compare them with viewers', async (t) => {
  const { publish, registry } = await setUp(t);
  const { peer, welcome, acknowledged } = await publish('ann');
  const source = new FrameSource('x', welcome.epoch);
  const frames = [source.header('A'), source.audio(), source.event()];
  peer.send({ frames, dropped: [{ first: 3n, last: 9n }] });
  await acknowledged(10n);
  const count = async (name: string) => {
    const metric = await registry.getSingleMetric(`hayate_streamer_${name}_total`)?.get();
    return metric?.values.reduce((sum, { value }) => sum + Number(value), 0);
  };
  assert.equal(await count('frames'), 3);
  assert.equal(
    await count('frame_bytes'),
    frames.reduce((sum, frame) => sum + frame.length, 0),
  );
  assert.equal(await count('declared_dropped'), 7);
});

test('an end that contradicts an earlier one, or frames that were sent, is refused: nobody would know what is complete', async (t) => {
  const { publish } = await setUp(t);
  for (const [first, second] of [
    [5n, 6n],
    [5n, 4n],
    [0n, 0n],
  ] as const) {
    const { peer, welcome } = await publish('ann');
    peer.send({ frames: [new FrameSource('x', welcome.epoch).header('A')] });
    peer.send({ end: { nextSequence: first } });
    peer.send({ end: { nextSequence: second } });
    assert.equal((await peer.closed()).code, CloseCodes.PROTOCOL_ERROR.code);
  }
});

test('a broadcast that another replaces ends after the highest frame that was sent, so that its viewers miss none silently', async (t) => {
  const { publish, live } = await setUp(t);
  const { peer, welcome, acknowledged } = await publish('ann');
  const source = new FrameSource('x', welcome.epoch);
  const header = source.header('A');
  const middle = source.event();
  peer.send({ frames: [header, source.event()] });
  await poll('the frames', () => live.some(({ frames }) => frames.length === 2));
  peer.send({ frames: [middle] });
  await acknowledged(3n);
  await publish('ann');
  const { end } = await poll('the end', () => live.find((envelope) => envelope.epoch === welcome.epoch && envelope.end !== undefined));
  assert.deepEqual([end?.reason, end?.nextSequence], [EndReason.SUPERSEDED, 3n]);
});

test('a listener that missed frames gets these again, and one that begins gets the group on its own channel', async (t) => {
  const { publish, live, shards, incarnation } = await setUp(t);
  const { peer, welcome } = await publish('ann');
  const source = new FrameSource('x', welcome.epoch);
  peer.send({ frames: [source.header('A'), source.key(), source.event()] });
  await poll('the frames', () => live.some(({ frames }) => frames.length === 3));
  const replies: Envelope[] = [];
  await shards.subscribe(Channels.reply(9n), (bytes) => replies.push(fromBinary(EnvelopeSchema, bytes)));
  const request = create(RepairRequestSchema, {
    ...{ stream: 'x', epoch: welcome.epoch, listener: 9n },
    ...{ missing: [{ first: 1n, last: 1n }], groupReplyChannel: Channels.reply(9n) },
  });
  shards.publish(Channels.repair(incarnation), toBinary(RepairRequestSchema, request));
  const sequences = ({ frames }: Envelope) => frames.map(({ frame }) => peekFrame(frame).sequence);
  await poll('the repair', () => live.some((envelope) => sequences(envelope).join() === '1'));
  const [group] = await poll('the group', () => replies.length > 0 && replies);
  assert.deepEqual([group?.group, group && sequences(group)], [true, [0, 1, 2]]);
});
