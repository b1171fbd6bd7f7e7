// Roles in separate processes with real Redis between them. A broadcaster sends to one process;
// viewers of another get the frames, a third lists the stream and ends it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Grants } from '../../packages/server/src/auth/grant.ts';
import { runHayate, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { startRedisServers } from '../support/redis.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

const SECRET = 'a secret that all processes of this test share';

async function tokenFor(t: TestContext, grants: Grants): Promise<string> {
  const rights = Object.entries(grants).flatMap(([right, streams]) => [`--${right}`, String(streams)]);
  const { stdout } = await runHayate(t, ['token', ...rights], { HAYATE_JWT_SECRET: SECRET });
  return stdout[0] ?? '';
}

test('streamer, listener and api in three processes over three Redis carry a broadcast from its beginning to its end', async (t) => {
  const servers = await startRedisServers(t, ['127.0.0.1', '127.0.0.2', '127.0.0.3']);
  if (servers === undefined) return;
  const folder = tempDir(t);
  const shards = servers.map(({ url }) => url).join(',');
  const start = (roles: string) =>
    startHayateServer(t, { data: join(folder, roles), flags: ['--roles', roles, '--shards', shards, '--jwt-secret', SECRET] });
  const [streamer, listener, api] = await Promise.all(['streamer', 'listener', 'api'].map(start));
  assert.ok(streamer && listener && api);

  const viewer = await connectPeer(t, listener.url, '/watch');
  viewer.send({ watch: { stream: 'hoshi', token: await tokenFor(t, { watch: ['*'] }) } });
  await viewer.until('Watching', (message) => message.watching);
  const broadcaster = await connectPeer(t, streamer.url, '/publish');
  broadcaster.send({ publish: { stream: 'hoshi', token: await tokenFor(t, { publish: ['hoshi'] }) } });
  const { epoch } = await broadcaster.until('Published', (message) => message.published);
  const source = new FrameSource('hoshi', epoch, 0);
  const sent = [source.header('Hello'), source.key()];
  for (let i = 0; i < 200; i++) sent.push(i % 2 === 0 ? source.audio() : source.event());
  for (const frame of sent) {
    broadcaster.send({ frames: [frame] });
    // Over many slots, so that every server carries some messages.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await poll('all frames', () => viewer.frames().length >= sent.length);
  const hex = (frames: readonly Uint8Array[]) => frames.map((frame) => Buffer.from(frame).toString('hex'));
  assert.deepEqual(hex(viewer.frames()), hex(sent));

  const headers = { authorization: `Bearer ${await tokenFor(t, { watch: ['*'], moderate: ['*'] })}` };
  await poll('the stream in the listing', async () => {
    const response = await fetch(`${api.url}/api/streams`, { headers });
    return /"hoshi"/.test(await response.text());
  });
  const ended = await fetch(`${api.url}/api/streams/hoshi/end`, { method: 'POST', headers });
  assert.ok(ended.ok, `${ended.status}`);
  await viewer.until('the end', (message) => message.ended);
});

test('a streamer and a listener in different processes are refused shards in memory, and a single role does not open the log of another', async (t) => {
  for (const roles of ['streamer', 'listener,api', 'streamer,archiver'])
    await assert.rejects(startTestServer(t, ['--roles', roles]), /need --shards redis:\/\//);
  const redis = await startRedisServers(t, ['127.0.0.1']);
  if (redis?.[0] === undefined) return;
  const shards = ['--shards', redis[0].url];
  const data = ['--data', join(tempDir(t), 'data')];
  await startTestServer(t, [...data, ...shards, '--roles', 'streamer']);
  // The file log admits one process: this one would not start if it opened the log.
  await startTestServer(t, [...data, ...shards, '--roles', 'listener']);
  await startTestServer(t, [...data, ...shards, '--roles', 'api']);
});
