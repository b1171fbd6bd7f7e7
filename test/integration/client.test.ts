// The SDK with the real server: a Viewer gets exactly the frames that a Broadcaster sends and has
// acknowledged, across lost connections, a restart of the server, and an end from outside.
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type AudioFrame, Broadcaster, type BroadcasterOptions, createPose, Viewer } from '@hayate/client';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { startServer } from '../../packages/server/src/main.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROLES = ['--roles', 'streamer,listener,api'];
/** 20 ms of silence as libopus writes it. */
const packet = Uint8Array.of(0xf8, 0xff, 0xfe);

async function broadcaster(t: TestContext, server: TestServer, options: Partial<BroadcasterOptions> = {}): Promise<Broadcaster> {
  const token = await server.token({ publish: ['*'] });
  const made = new Broadcaster({ server: server.url, stream: 'hoshi', token, random: () => 0, ...options });
  cleanUp(t, () => made.close());
  return made;
}

async function viewer(
  t: TestContext,
  server: TestServer,
  url = server.url,
): Promise<{ viewer: Viewer; heard: string[]; audio: AudioFrame[] }> {
  const token = await server.token({ watch: ['*'] });
  const made = new Viewer({ server: url, stream: 'hoshi', token, random: () => 0 });
  cleanUp(t, () => made.close());
  const heard: string[] = [];
  const audio: AudioFrame[] = [];
  for (const name of ['header', 'audio', 'motion', 'event'] as const) made.on(name, ({ sequence }) => heard.push(`${name} ${sequence}`));
  made.on('audio', (frame) => audio.push(frame));
  made.on('ended', ({ reason }) => heard.push(`ended ${reason}`));
  await made.connect();
  return { viewer: made, heard, audio };
}

/** A TCP relay whose connections the test can break. */
async function breakableRelay(t: TestContext, target: string): Promise<{ url: string; breakAll: () => void }> {
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(target);
  const relay = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  cleanUp(t, async () => {
    breakAll();
    await new Promise((resolve) => relay.close(resolve));
  });
  const address = relay.address();
  assert.ok(address !== null && typeof address === 'object');
  return { url: `http://127.0.0.1:${address.port}`, breakAll };
}

const speak = (broadcast: Broadcaster, from: number, count: number) => {
  for (let i = from; i < from + count; i++) {
    broadcast.sendAudio({ packets: [packet], position: i * 960 });
    broadcast.sendMotion(createPose());
  }
};

test('every frame of a broadcast arrives once and in order, is acknowledged, and ends', async (t) => {
  const server = await startTestServer(t, ROLES);
  const broadcast = await broadcaster(t, server, { title: 'First light', audio: { channels: 1, preSkip: 312, inputSampleRate: 48_000 } });
  await broadcast.start();
  const { viewer: watch, heard, audio } = await viewer(t, server);
  await poll('the header', () => watch.header?.title === 'First light');
  broadcast.sendEvent({ case: 'gift', value: { author: 'aki', item: 'star', count: 3 } });
  for (let i = 0; i < 20; i++) {
    speak(broadcast, i, 1);
    await poll('the frames', () => watch.stats.frames.audio === i + 1 && watch.stats.frames.motion === i + 1);
  }
  const positions = audio.map(({ position }) => position);
  assert.deepEqual(
    positions.map((position) => position - (positions[0] ?? 0)),
    Array.from({ length: 20 }, (_, i) => i * 960),
  );
  assert.deepEqual(watch.stats.missing, { lost: 0, slow: 0, expired: 0 });
  assert.ok(watch.stats.latency !== undefined);
  await poll('the number of viewers', () => broadcast.stats.viewers === 1);
  await broadcast.end();
  assert.equal(broadcast.stats.acknowledgedNextSequence, broadcast.stats.nextSequence);
  await poll('the end', () => heard.at(-1) === 'ended finished');
  assert.equal(watch.state, 'live');
});

test('both ends reconnect after their connections break, in the same epoch, and every frame is acknowledged', async (t) => {
  const server = await startTestServer(t, ROLES);
  const relay = await breakableRelay(t, server.url);
  const { viewer: watch, heard } = await viewer(t, server, relay.url);
  const broadcast = await broadcaster(t, server, { server: relay.url });
  await broadcast.start();
  const { epoch } = broadcast;
  await poll('the header', () => watch.header !== undefined);
  for (let round = 0; round < 3; round++) {
    speak(broadcast, round * 100, 30);
    relay.breakAll();
    speak(broadcast, round * 100 + 30, 30);
    await poll(
      'both ends to reconnect',
      () => broadcast.state === 'live' && watch.state === 'live' && broadcast.stats.reconnects === round + 1,
    );
  }
  await poll('everything to be acknowledged', () => broadcast.stats.acknowledgedNextSequence === broadcast.stats.nextSequence);
  assert.equal(broadcast.epoch, epoch);
  const last = broadcast.sendEvent({ case: 'comment', value: { author: 'aki', text: 'still here' } });
  await poll('the viewer to continue', () => heard.includes(`event ${last}`));
  assert.equal(new Set(heard).size, heard.length);
  // The viewer arrived before the broadcast, so its account begins with sequence 0.
  const { frames, missing, deltasWithoutKey } = watch.stats;
  const came = frames.header + frames.audio + frames.motion + frames.event + deltasWithoutKey;
  assert.equal(came + missing.lost + missing.slow + missing.expired, last + 1);
  await broadcast.end();
  assert.equal(await server.metric('hayate_streamer_declared_dropped_total'), 0);
});

test('a server that is started again on the same data resumes the broadcast', async (t) => {
  const data = join(tempDir(t), 'data');
  const settings = (port: string) => parseFlags(serveFlags, ['--port', port, '--data', data, '--log-level', 'silent', ...ROLES], {});
  const first = await startServer(settings('0'));
  let drained: Promise<void> | undefined;
  cleanUp(t, () => (drained ??= first.drain()));
  const { port } = new URL(first.url);
  const response = await fetch(`${first.url}/dev/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ grants: { publish: ['*'] } }),
  });
  const { token } = (await response.json()) as { token: string };
  const broadcast = new Broadcaster({ server: first.url, stream: 'hoshi', token, random: () => 0 });
  cleanUp(t, () => broadcast.close());
  await broadcast.start();
  const { epoch } = broadcast;
  speak(broadcast, 0, 50);
  drained = first.drain();
  await drained;
  speak(broadcast, 50, 50);
  const second = await startServer(settings(port));
  cleanUp(t, () => second.drain());
  await poll('the broadcaster to reconnect', () => broadcast.state === 'live');
  speak(broadcast, 100, 50);
  assert.equal(broadcast.epoch, epoch);
  await broadcast.end();
  assert.equal(broadcast.stats.acknowledgedNextSequence, broadcast.stats.nextSequence);
});

test('a newer broadcast of the stream ends the older one, which does not reconnect', async (t) => {
  const server = await startTestServer(t, ROLES);
  const older = await broadcaster(t, server);
  await older.start();
  const newer = await broadcaster(t, server);
  await newer.start();
  await poll('the older broadcaster to stop', () => older.state === 'failed');
  assert.ok((newer.epoch ?? 0n) > (older.epoch ?? 0n));
  assert.equal(newer.state, 'live');
});

test('a token for another stream is refused with its close code', async (t) => {
  const server = await startTestServer(t, ROLES);
  const token = await server.token({ publish: ['other'], watch: ['other'] });
  const broadcast = new Broadcaster({ server: server.url, stream: 'hoshi', token });
  await assert.rejects(broadcast.start(), { code: 'REFUSED', closeCode: 'FORBIDDEN' });
  const watch = new Viewer({ server: server.url, stream: 'hoshi', token });
  await assert.rejects(watch.connect(), { code: 'REFUSED', closeCode: 'FORBIDDEN' });
});
