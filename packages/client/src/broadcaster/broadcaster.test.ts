import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import {
  AudioSchema,
  type ClientMessage,
  CloseCodes,
  createPose,
  EndReason,
  EventSchema,
  framePayload,
  isKey,
  Kind,
  mintEpoch,
  StreamHeaderSchema,
} from '@hayate/protocol';
import { poll } from '../../../../test/support/poll.ts';
import { type ScriptedConnection, startScriptedServer } from '../../../../test/support/scripted-server.ts';
import { ClientError } from '../client-error.ts';
import { Broadcaster } from './broadcaster.ts';

/** 20 ms of silence as libopus encodes it. */
const packet = Uint8Array.of(0xf8, 0xff, 0xfe);
const epoch = mintEpoch(1_800_000_000_000, 7);
const limits = { frameBytesMax: 65_536, framesPerSecondMax: 500, bitsPerSecondMax: 2_000_000 };
const welcome = (nextSequence: number, generation = 1, of = epoch) => ({
  published: {
    epoch: of,
    generation,
    ticket: Uint8Array.of(generation),
    nextSequence: BigInt(nextSequence),
    serverUnixUs: BigInt(Date.now() * 1000),
    limits,
  },
});
const sequences = (connection: ScriptedConnection | undefined) => connection?.frames.map(({ header }) => header.sequence) ?? [];
const hello = (connection: ScriptedConnection | undefined) => connection?.messages[0]?.publish;
const event = (text: string) => ({ case: 'comment' as const, value: { author: 'aki', text } });

test('sends a HEADER first and counts frames of all kinds in one sequence', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send(welcome(0));
  });
  const broadcaster = new Broadcaster({
    server: server.url,
    stream: 'aki',
    token: 'the token',
    title: 'First light',
    audio: { channels: 1, preSkip: 312, inputSampleRate: 48_000 },
  });
  t.after(() => broadcaster.close());
  await broadcaster.start();
  assert.equal(server.connections[0]?.path, '/publish');
  assert.equal(hello(server.connections[0])?.stream, 'aki');
  assert.equal(hello(server.connections[0])?.token, 'the token');
  assert.equal(broadcaster.sendAudio({ packets: [packet, packet], position: 9_600, level: 30, captureUs: 200_000 }), 1);
  const pose = createPose();
  pose.shapes[17] = 1;
  assert.equal(broadcaster.sendMotion(pose, { captureUs: 210_000 }), 2);
  assert.equal(broadcaster.sendMotion(pose, { captureUs: 240_000 }), 3);
  assert.equal(broadcaster.sendMotion(pose, { captureUs: 1_210_000 }), 4);
  assert.equal(broadcaster.sendEvent(event('hello')), 5);

  const frames = await poll('six frames', () => server.connections[0]?.frames.length === 6 && server.connections[0].frames);
  assert.deepEqual(
    frames.map(({ header }) => [header.sequence, header.kind]),
    [
      [0, Kind.HEADER],
      [1, Kind.AUDIO],
      [2, Kind.MOTION],
      [3, Kind.MOTION],
      [4, Kind.MOTION],
      [5, Kind.EVENT],
    ],
  );
  const payload = (index: number) => {
    const frame = frames[index];
    assert.ok(frame !== undefined);
    return { header: frame.header, bytes: framePayload(frame.bytes, frame.header) };
  };
  const header = fromBinary(StreamHeaderSchema, payload(0).bytes);
  assert.equal(header.title, 'First light');
  assert.equal(header.audio?.preSkip, 312);
  assert.ok(Math.abs(Number(header.originUnixUs) / 1000 - Date.now()) < 60_000);
  assert.equal(payload(1).header.position, 9_600);
  assert.equal(payload(1).header.captureUs, 200_000);
  assert.deepEqual(
    fromBinary(AudioSchema, payload(1).bytes).packets.map((bytes) => [...bytes]),
    [[...packet], [...packet]],
  );
  assert.deepEqual(
    [2, 3, 4].map((index) => isKey(payload(index).header)),
    [true, false, true],
  );
  assert.equal(payload(3).header.keySequence, 2);
  assert.equal(fromBinary(EventSchema, payload(5).bytes).body.case, 'comment');
  assert.deepEqual(broadcaster.stats.frames, { header: 1, audio: 1, motion: 3, event: 1 });
});

test('reconnects with its latest ticket and sends new frames first, then the unacknowledged ones', async (t) => {
  const server = await startScriptedServer(t, (connection, message, index) => {
    if (message.publish !== undefined) connection.send(index === 0 ? welcome(0) : welcome(2, 2));
  });
  let nowMs = 1_000;
  const broadcaster = new Broadcaster({
    server: server.url,
    stream: 'aki',
    token: 't',
    clock: { nowMs: () => nowMs },
  });
  t.after(() => broadcaster.close());
  await broadcaster.start();
  for (let i = 0; i < 4; i++) broadcaster.sendEvent(event(`${i}`));
  await poll('the first frames', () => sequences(server.connections[0]).length === 5);
  server.connections[0]?.send({ ack: { nextSequence: 2n, ticket: Uint8Array.of(99) } });
  await poll('the acknowledgement', () => broadcaster.stats.acknowledgedNextSequence === 2);
  server.connections[0]?.terminate();
  await poll('the connection loss', () => broadcaster.state === 'reconnecting');
  nowMs += 2_000;
  broadcaster.sendEvent(event('while away'));
  // The clock also sets the resends' share of the uplink.
  await poll('all frames to be sent again', () => {
    nowMs += 1;
    return sequences(server.connections[1]).length === 5;
  });
  assert.deepEqual([...(hello(server.connections[1])?.ticket ?? [])], [99]);
  assert.deepEqual(sequences(server.connections[1]), [5, 6, 2, 3, 4]);
  assert.equal(server.connections[1]?.frames[1]?.header.kind, Kind.HEADER);
  assert.equal(broadcaster.stats.resent, 3);
  assert.equal(broadcaster.stats.reconnects, 1);
});

test('begins a new epoch when its ticket is no longer valid, and returns the events that were lost with the old epoch', async (t) => {
  const second = epoch + 1n;
  const server = await startScriptedServer(t, (connection, message, index) => {
    if (message.publish === undefined) return;
    if (index === 0) connection.send(welcome(0));
    else if (message.publish.ticket.length > 0) connection.close(CloseCodes.TICKET_INVALID.code);
    else connection.send(welcome(0, 1, second));
  });
  const broadcaster = new Broadcaster({ server: server.url, stream: 'aki', token: 't' });
  t.after(() => broadcaster.close());
  const epochs: { epoch: bigint; previous: bigint | undefined; abandoned: object; abandonedEvents: readonly unknown[] }[] = [];
  broadcaster.on('epoch', (begun) => epochs.push(begun));
  await broadcaster.start();
  broadcaster.sendAudio({ packets: [packet], position: 1_000_000 });
  const comment = event('not lost');
  broadcaster.sendEvent(comment);
  await poll('the frames', () => sequences(server.connections[0]).length === 3);
  server.connections[0]?.terminate();
  await poll('the new epoch', () => epochs.length === 2);
  assert.deepEqual(epochs[1], {
    epoch: second,
    previous: epoch,
    abandoned: { header: 1, audio: 1, motion: 0, event: 1 },
    abandonedEvents: [comment],
  });
  assert.equal(broadcaster.sendAudio({ packets: [packet], position: 1_000_960 }), 1);
  const frames = await poll('its frames', () => server.connections[2]?.frames.length === 2 && server.connections[2].frames);
  assert.equal(frames[0]?.header.epoch, second);
  assert.equal(frames[0]?.header.kind, Kind.HEADER);
  // The new epoch's audio lies at its own capture time, not a million samples in.
  assert.equal(frames[1]?.header.position, Math.round((frames[1]?.header.captureUs ?? 0) * 0.048));
});

test('does not reconnect after a newer broadcast has begun, and gives the reason', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send(welcome(0));
    if (message.frames.length > 0) connection.close(CloseCodes.SUPERSEDED.code, CloseCodes.SUPERSEDED.meaning);
  });
  const broadcaster = new Broadcaster({ server: server.url, stream: 'aki', token: 't' });
  t.after(() => broadcaster.close());
  await broadcaster.start();
  const change = await broadcaster.once('state');
  assert.deepEqual(change, {
    state: 'failed',
    reason: CloseCodes.SUPERSEDED.meaning,
    closeCode: 4409,
    closeCodeName: 'SUPERSEDED',
  });
  assert.equal(broadcaster.sendMotion(createPose()), undefined);
  assert.equal(broadcaster.stats.dropped.motion, 1);
  assert.throws(
    () => broadcaster.sendEvent(event('too late')),
    (error) => error instanceof ClientError && error.code === 'NOT_LIVE',
  );
  assert.equal(server.connections.length, 1);
});

test('opens its next connection before the draining server closes the old one, and loses nothing in between', async (t) => {
  const server = await startScriptedServer(t, (connection, message, index) => {
    if (message.publish === undefined) return;
    if (index === 0) {
      connection.send(welcome(0));
      return;
    }
    server.connections[0]?.close(CloseCodes.SUPERSEDED.code);
    void poll('the client to lose the old connection', () => broadcaster.state === 'reconnecting').then(() =>
      connection.send(welcome(1, 2)),
    );
  });
  const broadcaster = new Broadcaster({ server: server.url, stream: 'aki', token: 't', random: () => 0 });
  t.after(() => broadcaster.close());
  const states: string[] = [];
  broadcaster.on('state', ({ state }) => states.push(state));
  await broadcaster.start();
  await poll('the header', () => sequences(server.connections[0]).length === 1);
  server.connections[0]?.send({ goAway: { closeAfterMs: 5_000 } });
  broadcaster.sendEvent(event('in between'));
  await poll('the successor', () => sequences(server.connections[1]).includes(1) && sequences(server.connections[1]).includes(2));
  await poll('the end of the old connection', () => server.connections[0]?.closed);
  await poll('the state live', () => broadcaster.state === 'live');
  assert.ok(!states.includes('failed'));
  assert.equal(server.connections.length, 2);
});

test('sends again from the sequence that the log refused', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send(welcome(0));
  });
  const broadcaster = new Broadcaster({ server: server.url, stream: 'aki', token: 't' });
  t.after(() => broadcaster.close());
  await broadcaster.start();
  for (let i = 0; i < 3; i++) broadcaster.sendEvent(event(`${i}`));
  await poll('the frames', () => sequences(server.connections[0]).length === 4);
  server.connections[0]?.send({ ack: { nextSequence: 1n } });
  server.connections[0]?.send({ resend: { fromSequence: 2n } });
  await poll('the resent frames', () => sequences(server.connections[0]).length === 6);
  assert.deepEqual(sequences(server.connections[0]), [0, 1, 2, 3, 2, 3]);
});

test('END follows the last frame, and end() resolves when the server has ended the epoch', async (t) => {
  const heard: string[] = [];
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send(welcome(0));
    for (const _ of message.frames) heard.push('frame');
    if (message.end === undefined) return;
    heard.push(`end ${message.end.nextSequence}`);
    connection.send({ ack: { nextSequence: message.end.nextSequence } });
    connection.send({ ended: { epoch, nextSequence: message.end.nextSequence, reason: EndReason.FINISHED } });
    connection.close(1000);
  });
  const broadcaster = new Broadcaster({ server: server.url, stream: 'aki', token: 't' });
  const ended = broadcaster.once('ended');
  await broadcaster.start();
  broadcaster.sendEvent(event('last'));
  await broadcaster.end();
  assert.deepEqual(heard, ['frame', 'frame', 'end 2']);
  assert.deepEqual(await ended, { nextSequence: 2, reason: 'finished' });
  assert.equal(broadcaster.state, 'ended');
  assert.equal(broadcaster.stats.unacknowledgedFrames, 0);
});

test('throws for an event when its queue is full, and accepts events again after an acknowledgement', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send(welcome(0));
  });
  const broadcaster = new Broadcaster({ server: server.url, stream: 'aki', token: 't', queueEventsMax: 3 });
  t.after(() => broadcaster.close());
  await broadcaster.start();
  broadcaster.sendEvent(event('1'));
  broadcaster.sendEvent(event('2'));
  assert.throws(
    () => broadcaster.sendEvent(event('3')),
    (error) => error instanceof ClientError && error.code === 'QUEUE_FULL',
  );
  await poll('the frames', () => sequences(server.connections[0]).length === 3);
  server.connections[0]?.send({ ack: { nextSequence: 3n } });
  await broadcaster.once('ack');
  assert.equal(broadcaster.sendEvent(event('3')), 3);
});

test('renews its token on the connection before it expires', async (t) => {
  const jwt = (secondsToLive: number) =>
    `e30.${Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + secondsToLive })).toString('base64url')}.sig`;
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send(welcome(0));
  });
  const issued: string[] = [];
  const broadcaster = new Broadcaster({
    server: server.url,
    stream: 'aki',
    token: async () => {
      const token = jwt(issued.length === 0 ? 1.2 : 3_600);
      issued.push(token);
      return token;
    },
  });
  t.after(() => broadcaster.close());
  await broadcaster.start();
  const renewal = await poll('the new token', () => server.connections[0]?.messages.find((message: ClientMessage) => message.token !== ''));
  assert.equal(renewal.token, issued[1]);
  assert.equal(hello(server.connections[0])?.token, issued[0]);
});

test('start() rejects with the close code when the server refuses, and with UNREACHABLE without a server', async (t) => {
  const server = await startScriptedServer(t, (connection) => connection.close(CloseCodes.FORBIDDEN.code, 'not yours'));
  const refused = new Broadcaster({ server: server.url, stream: 'aki', token: 't' });
  await assert.rejects(refused.start(), { code: 'REFUSED', closeCode: 'FORBIDDEN', message: `${CloseCodes.FORBIDDEN.meaning} not yours` });
  const nobody = new Broadcaster({ server: 'http://127.0.0.1:1', stream: 'aki', token: 't', connectTimeoutMs: 50 });
  await assert.rejects(nobody.start(), { code: 'UNREACHABLE' });
  assert.equal(nobody.state, 'failed');
});

test('refuses options and frames that no server would accept', async () => {
  const options = { server: 'http://localhost', stream: 'aki', token: 't' };
  const invalid = { code: 'INVALID' };
  assert.throws(() => new Broadcaster({ ...options, stream: 'a/b' }), invalid);
  assert.throws(() => new Broadcaster({ ...options, server: 'localhost:8080' }), invalid);
  assert.throws(() => new Broadcaster({ ...options, title: 'x'.repeat(201) }), invalid);
  assert.throws(() => new Broadcaster({ ...options, avatar: 'http://plain' }), invalid);
  const broadcaster = new Broadcaster(options);
  assert.throws(() => broadcaster.sendAudio({ packets: [new Uint8Array()], position: 0 }), invalid);
  assert.throws(() => broadcaster.sendAudio({ packets: [packet], position: 0.5 }), invalid);
  assert.throws(() => broadcaster.sendAudio({ packets: [packet], position: 0, level: 200 }), invalid);
});
