// The live path of one process, literally by spec/wire.md: publish, ack, watch, join late, return,
// resume, end.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GapReason, peekFrame } from '@hayate/protocol';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connectPeer, FrameSource, type WirePeer } from '../support/wire-peer.ts';

const sequences = (frames: readonly Uint8Array[]) => frames.map((frame) => peekFrame(frame).sequence);
const hex = (frames: readonly Uint8Array[]) => frames.map((frame) => Buffer.from(frame).toString('hex'));

async function publish(t: TestContext, server: TestServer, stream: string, ticket: Uint8Array = new Uint8Array()) {
  const peer = await connectPeer(t, server.url, '/publish');
  peer.send({ publish: { stream, token: await server.token({ publish: [stream] }), ticket } });
  const published = await peer.until('Published', (message) => message.published);
  return { peer, published, source: new FrameSource(stream, published.epoch, Number(published.nextSequence)) };
}

async function watch(
  t: TestContext,
  server: TestServer,
  stream: string,
  from: { epoch?: bigint; nextSequence?: bigint } = {},
): Promise<WirePeer> {
  const peer = await connectPeer(t, server.url, '/watch');
  peer.send({ watch: { stream, token: await server.token({ watch: ['*'] }), ...from } });
  await peer.until('Watching', (message) => message.watching);
  return peer;
}

const acked = (peer: WirePeer, next: number) =>
  peer.until(`ack of ${next}`, ({ ack }) => (ack !== undefined && Number(ack.nextSequence) >= next ? ack : undefined));

test('viewers who joined before the broadcast get every frame, in order, as the broadcaster encoded it, and each frame is acknowledged', async (t) => {
  const server = await startTestServer(t);
  const viewers = await Promise.all([watch(t, server, 'hoshi'), watch(t, server, 'hoshi')]);
  const { peer, source } = await publish(t, server, 'hoshi');
  const sent = [source.header('Hello'), source.key(), source.audio(), source.delta(), source.audio(), source.event()];
  for (const frame of sent) peer.send({ frames: [frame] });
  for (const viewer of viewers) {
    await poll('all frames', () => viewer.frames().length >= sent.length);
    assert.deepEqual(hex(viewer.frames()), hex(sent));
    const live = await viewer.until('the epoch', ({ watching }) => (watching?.epoch === source.epoch ? watching : undefined));
    assert.equal(live.nextSequence, 0n);
  }
  await acked(peer, sent.length);
});

test('a late joiner gets the current group and then every frame', async (t) => {
  const server = await startTestServer(t);
  const { peer, source } = await publish(t, server, 'hoshi');
  const header = source.header('Hello');
  peer.send({ frames: [header, source.key(), source.audio(), source.delta()] });
  // More than are kept, so that the broadcast does not count as just begun.
  for (let i = 0; i < 300; i++) peer.send({ frames: [source.event()] });
  const key = source.key();
  peer.send({ frames: [key, source.delta()] });
  const delta = source.delta();
  peer.send({ frames: [delta, source.audio()] });
  await acked(peer, source.sequence);
  // The listener does not know the stream yet; a silent stream is announced within a second.
  const viewer = await watch(t, server, 'hoshi');
  const live = await viewer.until('the epoch', ({ watching }) => (watching?.epoch === source.epoch ? watching : undefined));
  assert.equal(Number(live.nextSequence), source.sequence);
  const next = [source.audio(), source.event()];
  peer.send({ frames: next });
  await poll('the group and what followed', () => viewer.frames().length >= 5);
  assert.deepEqual(hex(viewer.frames()), hex([header, key, delta, ...next]));

  const second = await watch(t, server, 'hoshi');
  await poll('the group from the listener', () => second.frames().length >= 3);
  assert.deepEqual(hex(second.frames()), hex([header, key, delta]));
});

test('a returning viewer gets the missed frames, or the current group and a gap if they are gone', async (t) => {
  const server = await startTestServer(t);
  const first = await watch(t, server, 'hoshi');
  const { peer, source } = await publish(t, server, 'hoshi');
  const sent = [source.header('Hello'), source.key(), source.audio(), source.delta(), source.audio()];
  peer.send({ frames: sent });
  await poll('all frames', () => first.frames().length === sent.length);
  first.cut();

  const back = await watch(t, server, 'hoshi', { epoch: source.epoch, nextSequence: 3n });
  await poll('group and replay', () => back.frames().length >= 4);
  assert.deepEqual(sequences(back.frames()), [0, 1, 3, 4]);
  assert.equal(back.received.flatMap(({ gaps }) => gaps).length, 0);

  // 300 events: more than are kept.
  for (let i = 0; i < 300; i++) peer.send({ frames: [source.event()] });
  await poll('the events', () => back.frames().length >= 304);
  const late = await watch(t, server, 'hoshi', { epoch: source.epoch, nextSequence: 5n });
  const gap = await late.until('the gap', ({ gaps }) => gaps[0]);
  assert.deepEqual([Number(gap.first), Number(gap.last), gap.reason], [5, source.sequence - 1, GapReason.EXPIRED]);
});

test('a broadcaster resumes its epoch by ticket, the older connection is superseded, and frames received twice are published once', async (t) => {
  const server = await startTestServer(t);
  const viewer = await watch(t, server, 'hoshi');
  const { peer, published, source } = await publish(t, server, 'hoshi');
  const frames = [source.header('Hello'), source.key(), source.audio(), source.audio()];
  peer.send({ frames: frames.slice(0, 3) });
  const { ticket } = await acked(peer, 3);
  const again = await publish(t, server, 'hoshi', ticket.length > 0 ? ticket : published.ticket);
  assert.equal(again.published.epoch, published.epoch);
  assert.equal(again.published.generation, published.generation + 1);
  assert.equal(Number(again.published.nextSequence), 3);
  assert.equal((await peer.closed()).code, 4409);
  again.peer.send({ frames: frames.slice(1) });
  await acked(again.peer, 4);
  await poll('all frames', () => viewer.frames().length >= 4);
  assert.deepEqual(hex(viewer.frames()), hex(frames));
  assert.equal(await server.metric('hayate_streamer_duplicate_frames_total'), 2);
});

test('a new broadcast of a stream supersedes the old one, whose ticket no longer resumes', async (t) => {
  const server = await startTestServer(t);
  const viewer = await watch(t, server, 'hoshi');
  const old = await publish(t, server, 'hoshi');
  old.peer.send({ frames: [old.source.header('Old')] });
  await poll('the first frame', () => viewer.frames().length === 1);
  const fresh = await publish(t, server, 'hoshi');
  assert.ok(fresh.published.epoch > old.published.epoch);
  assert.equal((await old.peer.closed()).code, 4409);
  assert.equal((await viewer.until('the end of the old epoch', ({ ended }) => ended)).epoch, old.published.epoch);
  fresh.peer.send({ frames: [fresh.source.header('New')] });
  await viewer.until('the new epoch', ({ watching }) => (watching?.epoch === fresh.published.epoch ? watching : undefined));
  const peer = await connectPeer(t, server.url, '/publish');
  peer.send({ publish: { stream: 'hoshi', token: await server.token({ publish: ['*'] }), ticket: old.published.ticket } });
  assert.equal((await peer.closed()).code, 4409);
});

test('END is answered when everything is durable, dropped ranges count as settled, and viewers get Ended', async (t) => {
  const server = await startTestServer(t);
  const viewer = await watch(t, server, 'hoshi');
  const { peer, source } = await publish(t, server, 'hoshi');
  peer.send({ frames: [source.header('Hello'), source.key()] });
  source.sequence += 3;
  peer.send({ frames: [source.audio()] });
  peer.send({ end: { nextSequence: BigInt(source.sequence) } });
  await acked(peer, 2);
  assert.equal(
    peer.received.some(({ ended }) => ended !== undefined),
    false,
    'three frames are missing',
  );
  peer.send({ dropped: [{ first: 2n, last: 4n }] });
  const ended = await peer.until('Ended', (message) => message.ended);
  assert.equal(Number(ended.nextSequence), source.sequence);
  assert.equal((await peer.closed()).code, 1000);
  assert.equal((await viewer.until('Ended', (message) => message.ended)).epoch, source.epoch);
  const gap = await viewer.until('the gap', ({ gaps }) => gaps[0]);
  assert.deepEqual([Number(gap.first), Number(gap.last), gap.reason], [2, 4, GapReason.LOST]);
});

test('a broadcaster whose END was answered on a broken connection sends END again, and is answered again', async (t) => {
  const server = await startTestServer(t);
  const { peer, published, source } = await publish(t, server, 'hoshi');
  peer.send({ frames: [source.header('Hello'), source.key()] });
  const { ticket } = await acked(peer, 2);
  peer.send({ end: { nextSequence: 2n } });
  await peer.closed();
  const again = await publish(t, server, 'hoshi', ticket);
  assert.equal(again.published.epoch, published.epoch);
  again.peer.send({ end: { nextSequence: 2n } });
  assert.equal(Number((await again.peer.until('Ended', ({ ended }) => ended)).nextSequence), 2);
  assert.equal((await again.peer.closed()).code, 1000);
});

test('END counts for one connection: a broadcaster that returns may continue', async (t) => {
  const server = await startTestServer(t);
  const { peer, published, source } = await publish(t, server, 'hoshi');
  peer.send({ frames: [source.header('Hello')], end: { nextSequence: 3n } });
  const { ticket } = await acked(peer, 1);
  peer.cut();
  const again = await publish(t, server, 'hoshi', ticket);
  assert.equal(again.published.epoch, published.epoch);
  source.sequence = 1;
  again.peer.send({ frames: [1, 2, 3, 4].map(() => source.audio()), end: { nextSequence: 5n } });
  assert.equal(Number((await again.peer.until('Ended', ({ ended }) => ended)).nextSequence), 5);
});

test('the API lists a live stream with its title and viewers, and ends it; its ticket is invalid afterwards', async (t) => {
  const server = await startTestServer(t);
  const { peer, source, published } = await publish(t, server, 'hoshi');
  peer.send({ frames: [source.header('Night talk'), source.key()] });
  await watch(t, server, 'hoshi');
  const get = async (path: string, grants: Parameters<TestServer['token']>[0], method = 'GET') => {
    const response = await fetch(`${server.url}${path}`, { method, headers: { Authorization: `Bearer ${await server.token(grants)}` } });
    return { status: response.status, body: (await response.json()) as { streams?: { title: string; viewers: number }[]; title?: string } };
  };
  await poll('title and viewer', async () => {
    const { body } = await get('/api/streams', { watch: ['*'] });
    return body.streams?.[0]?.title === 'Night talk' && body.streams[0].viewers === 1;
  });
  assert.deepEqual((await get('/api/streams', { watch: ['other*'] })).body, { streams: [] });
  assert.equal((await get('/api/streams/hoshi', { watch: ['hoshi'] })).body.title, 'Night talk');
  assert.equal((await get('/api/streams/hoshi', { publish: ['hoshi'] })).status, 403);
  assert.equal((await get('/api/streams/nobody', { watch: ['*'] })).status, 404);
  assert.equal((await get('/api/streams/hoshi/end', { watch: ['*'] }, 'POST')).status, 403);
  assert.equal((await peer.until('the audience', ({ audience }) => audience)).viewers, 1);
  assert.equal((await get('/api/streams/hoshi/end', { moderate: ['hoshi'] }, 'POST')).status, 202);
  assert.equal((await peer.closed()).code, 4410);
  await poll('the listing to be empty', async () => (await get('/api/streams', { watch: ['*'] })).body.streams?.length === 0);
  const again = await connectPeer(t, server.url, '/publish');
  again.send({ publish: { stream: 'hoshi', token: await server.token({ publish: ['*'] }), ticket: published.ticket } });
  assert.equal((await again.closed()).code, 4410);
});
