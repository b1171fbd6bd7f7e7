import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AudioSchema,
  CloseCodes,
  createPose,
  EndReason,
  EventSchema,
  encodeFrame,
  encodeMotionDelta,
  encodeMotionKey,
  type FrameFields,
  FrameFlag,
  GapReason,
  Kind,
  mintEpoch,
  quantisePose,
  StreamHeaderSchema,
} from '@hayate/protocol';
import { poll } from '../../../../test/support/poll.ts';
import { startScriptedServer } from '../../../../test/support/scripted-server.ts';
import { Viewer } from './viewer.ts';
import type { ViewerEvents } from './viewer-api.ts';

const epoch = mintEpoch(1_800_000_000_000, 7);
const stream = 'aki';
const nowUs = () => Date.now() * 1000;
const watching = (nextSequence: number, of = epoch) => ({
  watching: { epoch: of, nextSequence: BigInt(nextSequence), serverUnixUs: BigInt(nowUs()), receiptIntervalMs: 250 },
});
const frame = (fields: Omit<FrameFields, 'stream' | 'epoch' | 'captureUs'> & { epoch?: bigint; captureUs?: number }) =>
  encodeFrame({ stream, epoch, captureUs: fields.sequence * 10_000, ...fields });
const header = (sequence: number, title: string) =>
  frame({
    sequence,
    kind: Kind.HEADER,
    payload: toBinary(StreamHeaderSchema, create(StreamHeaderSchema, { title, originUnixUs: BigInt(nowUs()), originErrorUs: 500 })),
  });
const audio = (sequence: number) =>
  frame({
    sequence,
    kind: Kind.AUDIO,
    position: sequence * 480,
    payload: toBinary(AudioSchema, create(AudioSchema, { packets: [Uint8Array.of(0xf8, sequence)], level: 20 })),
  });
const comment = (sequence: number, text: string) =>
  frame({
    sequence,
    kind: Kind.EVENT,
    payload: toBinary(EventSchema, create(EventSchema, { body: { case: 'comment', value: { author: 'a', text } } })),
  });
const smile = createPose();
smile.shapes[23] = 0.5;
const quantised = quantisePose(smile);
const key = (sequence: number, participant = 0) =>
  frame({ sequence, kind: Kind.MOTION, flags: FrameFlag.KEY, participant, payload: encodeMotionKey(quantised) });
const delta = (sequence: number, keySequence: number) =>
  frame({ sequence, kind: Kind.MOTION, keySequence, payload: encodeMotionDelta(quantised, quantisePose(createPose())) });

/** Everything that a viewer emits, as `name sequence`. */
function listen(viewer: Viewer): string[] {
  const heard: string[] = [];
  for (const name of ['header', 'audio', 'motion', 'event', 'custom'] as const)
    viewer.on(name, ({ sequence }) => heard.push(`${name} ${sequence}`));
  viewer.on('gap', ({ first, last, reason }) => heard.push(`gap ${first}-${last} ${reason}`));
  viewer.on('ended', ({ reason }) => heard.push(`ended ${reason}`));
  viewer.on('epoch', ({ epoch }) => heard.push(epoch === undefined ? 'no epoch' : 'epoch'));
  return heard;
}

test('gives the current group, then live frames, each once and decoded', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch === undefined) return;
    connection.send(watching(100));
    connection.send({ frames: [header(3, 'First light'), key(90)] });
    connection.send({ frames: [audio(100), delta(101, 90), comment(102, 'hi'), audio(100)], audience: { viewers: 7 } });
    connection.send({ frames: [frame({ sequence: 103, kind: 64, payload: Uint8Array.of(9) })] });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 'the token' });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  const details: Partial<{ [Name in keyof ViewerEvents]: ViewerEvents[Name] }> = {};
  viewer.on('audio', (audio) => {
    details.audio = audio;
  });
  viewer.on('motion', (motion) => {
    details.motion = motion;
  });
  viewer.on('event', (event) => {
    details.event = event;
  });
  await viewer.connect();
  await poll('the last frame', () => heard.includes('custom 103'));
  assert.equal(server.connections[0]?.path, '/watch');
  assert.equal(server.connections[0]?.messages[0]?.watch?.token, 'the token');
  assert.deepEqual(heard, ['epoch', 'header 3', 'motion 90', 'audio 100', 'motion 101', 'event 102', 'custom 103']);
  assert.equal(viewer.epoch, epoch);
  assert.equal(viewer.header?.title, 'First light');
  assert.deepEqual(details.audio, {
    sequence: 100,
    captureUs: 1_000_000,
    participant: 0,
    packets: [Uint8Array.of(0xf8, 100)],
    position: 48_000,
    level: 20,
  });
  assert.equal(details.motion?.pose.shapes[23], Math.fround(128 / 255));
  assert.equal(details.event?.body.case, 'comment');
  const { frames, missing, duplicates, viewers, latency } = viewer.stats;
  assert.deepEqual(frames, { header: 1, audio: 1, motion: 2, event: 1, custom: 1 });
  assert.deepEqual(missing, { lost: 0, slow: 0, expired: 0 });
  assert.equal(duplicates, 1);
  assert.equal(viewers, 7);
  assert.ok(latency !== undefined && latency.errorMs >= 0.5);
});

test('sends receipts for the frames it has received', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch !== undefined) connection.send(watching(0));
    if (message.watch !== undefined) connection.send({ frames: [audio(0), audio(1)] });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't' });
  t.after(() => viewer.close());
  await viewer.connect();
  const receipt = await poll('a receipt', () => server.connections[0]?.messages.find((message) => message.receipt !== undefined)?.receipt);
  assert.deepEqual([receipt.epoch, receipt.sequence], [epoch, 1n]);
});

test('takes the gaps and frames of one message in the order of their sequences', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch === undefined) return;
    connection.send(watching(0));
    const gaps = [{ first: 3n, last: 4n, reason: GapReason.LOST }];
    connection.send({ gaps, frames: [comment(6, 'last'), delta(2, 1), key(1), audio(5), header(0, 'first')] });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't' });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  await viewer.connect();
  await poll('the newest frame', () => heard.includes('event 6'));
  assert.deepEqual(heard, ['epoch', 'header 0', 'motion 1', 'motion 2', 'gap 3-4 lost', 'audio 5', 'event 6']);
});

test('sends no receipt while nothing has arrived since the last one', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch === undefined) return;
    connection.send(watching(0));
    connection.send({ frames: [audio(0)] });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't' });
  t.after(() => viewer.close());
  await viewer.connect();
  const receipts = () => server.connections[0]?.messages.flatMap(({ receipt }) => receipt ?? []) ?? [];
  await poll('a receipt', () => receipts().length === 1);
  // Empty messages for several receipt intervals, then a frame.
  const startMs = performance.now();
  await poll('four receipt intervals', () => {
    server.connections[0]?.send({});
    return performance.now() - startMs > 1_000;
  });
  server.connections[0]?.send({ frames: [audio(1)] });
  await poll('the second receipt', () => receipts().at(-1)?.sequence === 1n);
  assert.deepEqual(
    receipts().map(({ sequence }) => sequence),
    [0n, 1n],
  );
});

test('reconnects with its epoch and next sequence, and counts missing frames by reason', async (t) => {
  const server = await startScriptedServer(t, (connection, message, index) => {
    if (message.watch === undefined) return;
    if (index === 0) {
      connection.send(watching(10));
      connection.send({ frames: [audio(10), audio(13)], gaps: [] });
      connection.send({ gaps: [{ first: 14n, last: 15n, reason: GapReason.SLOW }], frames: [] });
      connection.send({ frames: [key(16), delta(17, 12)] });
    } else {
      connection.send(watching(30));
      connection.send({ gaps: [{ first: 18n, last: 29n, reason: GapReason.EXPIRED }] });
      connection.send({ frames: [key(16), key(25), audio(30)] });
    }
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't', random: () => 0 });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  await viewer.connect();
  await poll('the last frame', () => viewer.stats.deltasWithoutKey === 1);
  server.connections[0]?.terminate();
  await poll('the second Watch', () => heard.includes('audio 30'));
  const watch = server.connections[1]?.messages[0]?.watch;
  assert.deepEqual([watch?.epoch, watch?.nextSequence], [epoch, 18n]);
  assert.deepEqual(heard, ['epoch', 'audio 10', 'audio 13', 'gap 14-15 slow', 'motion 16', 'gap 18-29 expired', 'motion 25', 'audio 30']);
  const { missing, duplicates, deltasWithoutKey, reconnects } = viewer.stats;
  assert.deepEqual(missing, { lost: 2, slow: 2, expired: 11 });
  assert.deepEqual([duplicates, deltasWithoutKey, reconnects], [1, 1, 1]);
});

test('waits while the stream is not live, moves from one epoch to the next, and stays when one ends', async (t) => {
  const next = epoch + 5n;
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch === undefined) return;
    connection.send(watching(0, 0n));
    connection.send(watching(0));
    connection.send({ frames: [header(0, 'one')] });
    connection.send({ ended: { epoch, nextSequence: 4n, reason: EndReason.FINISHED } });
    connection.send(watching(0, next));
    connection.send({
      frames: [encodeFrame({ stream, epoch: next, sequence: 0, captureUs: 0, kind: Kind.GAME, payload: new Uint8Array() })],
    });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't' });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  await viewer.connect();
  await poll('the next epoch', () => heard.includes('custom 0'));
  assert.deepEqual(heard, ['epoch', 'header 0', 'ended finished', 'epoch', 'custom 0']);
  assert.equal(viewer.epoch, next);
  assert.equal(viewer.header, undefined);
  assert.equal(viewer.stats.missing.lost, 3);
  assert.equal(viewer.state, 'live');
});

test('a frame that cannot be read is counted and affects no other frame', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch === undefined) return;
    connection.send(watching(0));
    const broken = frame({ sequence: 1, kind: Kind.AUDIO, payload: Uint8Array.of(0xff, 0xff) });
    // Code 3 without a count of frames: no decoder takes it.
    const packets = [Uint8Array.of(0xfb)];
    const notOpus = frame({ sequence: 2, kind: Kind.AUDIO, payload: toBinary(AudioSchema, create(AudioSchema, { packets })) });
    connection.send({ frames: [Uint8Array.of(1, 2, 3), audio(0), broken, notOpus, audio(3)] });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't' });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  await viewer.connect();
  await poll('the good frames', () => heard.includes('audio 3'));
  assert.deepEqual(heard, ['epoch', 'audio 0', 'audio 3']);
  assert.equal(viewer.stats.malformed, 3);
});

test('moves to another connection at GOAWAY, even if the old one ends first, and receives each frame once', async (t) => {
  const server = await startScriptedServer(t, (connection, message, index) => {
    if (message.watch === undefined) return;
    if (index === 0) {
      connection.send(watching(0));
      connection.send({ frames: [header(0, 'First light'), audio(1)], goAway: { closeAfterMs: 5_000 } });
      return;
    }
    // While the new connection waits for its answer, the old one continues, and then ends.
    server.connections[0]?.send({ frames: [audio(2), audio(3)] });
    server.connections[0]?.close(CloseCodes.GOING_AWAY.code);
    void poll('the old connection to end', () => viewer.state === 'reconnecting').then(() => {
      connection.send(watching(Number(message.watch?.nextSequence)));
      connection.send({ frames: [audio(2), audio(3), audio(4)] });
    });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't', random: () => 0 });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  await viewer.connect();
  await poll('the last frame', () => heard.includes('audio 4'));
  assert.deepEqual(heard, ['epoch', 'header 0', 'audio 1', 'audio 2', 'audio 3', 'audio 4']);
  assert.equal(server.connections[1]?.messages[0]?.watch?.nextSequence, 2n);
  assert.equal(server.connections.length, 2);
  assert.equal(viewer.missingFrames, 0);
  assert.equal(viewer.state, 'live');
});

test('a returning viewer keeps its epoch when the welcome says that the stream is not live, and leaves it when a later message does', async (t) => {
  const server = await startScriptedServer(t, (connection, message, index) => {
    if (message.watch === undefined) return;
    if (index === 0) {
      connection.send(watching(0));
      connection.send({ frames: [header(0, 'First light'), audio(1)] });
      return;
    }
    connection.send(watching(0, 0n));
    connection.send(watching(Number(message.watch.nextSequence)));
    connection.send({ frames: [audio(2)] });
    connection.send(watching(0, 0n));
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't', random: () => 0 });
  t.after(() => viewer.close());
  const heard = listen(viewer);
  await viewer.connect();
  await poll('the first frames', () => heard.includes('audio 1'));
  server.connections[0]?.terminate();
  await poll('the end of the stream', () => heard.includes('no epoch'));
  assert.deepEqual(heard, ['epoch', 'header 0', 'audio 1', 'audio 2', 'no epoch']);
});

test('gives clean text within its limits, even from an old archive or another SDK', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.watch === undefined) return;
    connection.send(watching(0));
    connection.send({
      frames: [header(0, `夜\u202e\u001b[2J${'🎤'.repeat(120)}`), comment(1, 'one\r\ntwo\u2067\u009b'), comment(2, 'あ'.repeat(3_000))],
    });
  });
  const viewer = new Viewer({ server: server.url, stream, token: 't' });
  t.after(() => viewer.close());
  const texts: string[] = [];
  viewer.on('event', ({ body }) => body.case === 'comment' && texts.push(body.value.text));
  await viewer.connect();
  await poll('two comments', () => texts.length === 2);
  assert.equal(viewer.header?.title, `夜[2J${'🎤'.repeat(98)}`);
  assert.deepEqual(texts, ['one\ntwo', 'あ'.repeat(2_000)]);
});
