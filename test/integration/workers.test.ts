// `hayate serve --workers 2`, as an operator runs it: one address, viewers on both processes, and
// the effect on viewers when one process is killed, when all are killed, and when the group is told
// to stop.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Viewer } from '@hayate/client';
import { cleanUp } from '../support/clean-up.ts';
import { runHayate, type ServerProcess, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { startRedisServers } from '../support/redis.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, FrameSource, type WirePeer } from '../support/wire-peer.ts';

const VIEWERS = 6;
/** Fewer than are kept for returning viewers (256 events). */
const BURST = 60;
const WAIT = { timeoutMs: 60_000 };

/** The sum of a metric's series in `text` whose labels include `label`. */
const sumOf = (text: string, name: string, label = ''): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

async function devToken(url: string, grants: object): Promise<string> {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${url}/dev/token`, { method: 'POST', headers, body: JSON.stringify({ grants }) });
  return ((await response.json()) as { token: string }).token;
}

/** Two workers, and a streamer in this process; all in development mode, on one data directory. */
async function startGroup(t: TestContext, flags: readonly string[] = []) {
  const redis = await startRedisServers(t, ['127.0.0.1', '127.0.0.2', '127.0.0.3']);
  if (redis === undefined) return undefined;
  const data = join(tempDir(t), 'data');
  const shards = ['--shards', redis.map(({ url }) => url).join(',')];
  const streamer = await startTestServer(t, ['--roles', 'streamer', ...shards, '--data', data]);
  const own = ['--roles', 'listener', '--workers', '2', '--internal-port', '0', '--log-level', 'info'];
  const group = await startHayateServer(t, { data, flags: [...own, ...shards, ...flags] });
  const [, internal = ''] = await group.process.untilLine(/^internal port: (http\S+)$/);
  const metrics = async () => (await fetch(`${internal}/metrics`)).text();
  return { streamer, group, internal, metrics };
}

interface Watcher {
  readonly viewer: Viewer;
  readonly sequences: number[];
  /** How often the viewer was told of an epoch, or of none. */
  epochs(): number;
}

async function watch(t: TestContext, url: string): Promise<Watcher> {
  const viewer = new Viewer({ server: url, stream: 'hoshi', token: await devToken(url, { watch: ['*'] }), random: () => 0 });
  cleanUp(t, () => viewer.close());
  const sequences: number[] = [];
  for (const name of ['header', 'event'] as const) viewer.on(name, ({ sequence }) => sequences.push(sequence));
  let epochs = 0;
  viewer.on('epoch', () => epochs++);
  await viewer.connect();
  return { viewer, sequences, epochs: () => epochs };
}

/** Six viewers, and more until each worker has some. */
async function watchOnBoth(t: TestContext, url: string, metrics: () => Promise<string>): Promise<Watcher[]> {
  const watchers: Watcher[] = [];
  await poll('viewers on both workers', async () => {
    watchers.push(await watch(t, url));
    const text = await metrics();
    const counts = [1, 2].map((worker) => sumOf(text, 'hayate_listener_viewers', `worker="${worker}"`));
    return watchers.length >= VIEWERS && counts.every((count) => count > 0);
  });
  return watchers;
}

/**
 * Fails unless each viewer got all `frames` frames once, in order, in one broadcast that never
 * seemed to stop.
 */
function assertUnbroken(watchers: readonly Watcher[], frames: number): void {
  for (const { viewer, sequences, epochs } of watchers) {
    assert.deepEqual(
      sequences,
      Array.from({ length: frames }, (_, sequence) => sequence),
    );
    assert.deepEqual(viewer.stats.missing, { lost: 0, slow: 0, expired: 0 });
    assert.equal(epochs(), 1, 'the broadcast seemed to continue');
  }
}

async function publish(t: TestContext, streamer: string): Promise<{ peer: WirePeer; source: FrameSource; burst(): void }> {
  const peer = await connectPeer(t, streamer, '/publish');
  peer.send({ publish: { stream: 'hoshi', token: await devToken(streamer, { publish: ['hoshi'] }) } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  const source = new FrameSource('hoshi', epoch, 0);
  peer.send({ frames: [source.header('Workers')] });
  const burst = () => {
    for (let i = 0; i < BURST; i++) peer.send({ frames: [source.event()] });
  };
  return { peer, source, burst };
}

/** The process of a worker, according to the newest line of the log. */
const pidOf = ({ process }: ServerProcess, worker: number): number | undefined =>
  process.stderr
    .flatMap((line) => {
      const entry = JSON.parse(line) as { worker?: number; pid?: number; msg?: string };
      return entry.worker === worker && entry.msg === 'a worker listens' ? [entry.pid] : [];
    })
    .at(-1);

function killWorker(group: ServerProcess, worker: number): number {
  const pid = pidOf(group, worker);
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  return pid;
}

test('viewers on two workers lose no frame when one worker is killed, nor when both are', async (t) => {
  const scene = await startGroup(t);
  if (scene === undefined) return;
  const { streamer, group, internal, metrics } = scene;
  const { source, burst } = await publish(t, streamer.url);
  const watchers = await watchOnBoth(t, group.url, metrics);
  const everything = () =>
    poll('every frame at every viewer', () => watchers.every(({ sequences }) => sequences.length === source.sequence), WAIT);
  await everything();
  assert.equal(sumOf(await metrics(), 'hayate_listener_viewers'), watchers.length);

  await t.test('one worker is killed', async () => {
    killWorker(group, 1);
    burst();
    await everything();
  });
  await t.test('the worker is replaced and counted', async () => {
    await poll('the group to be ready', async () => (await fetch(`${internal}/readyz`)).ok, WAIT);
    const text = await metrics();
    assert.equal(sumOf(text, 'hayate_worker_ends_total', 'worker="1"'), 1);
    assert.equal(sumOf(text, 'hayate_worker_ends_total', 'worker="2"'), 0);
    assert.equal(sumOf(text, 'hayate_worker_up'), 2);
  });
  await t.test('both workers are killed, and viewers return to processes that do not know the stream', async () => {
    const killed = [1, 2].map((worker) => killWorker(group, worker));
    burst();
    await poll('other processes', () => [1, 2].every((worker) => !killed.includes(pidOf(group, worker) ?? 0)), WAIT);
    await everything();
  });
  burst();
  await everything();
  assertUnbroken(watchers, source.sequence);
  assert.ok(watchers.every(({ viewer }) => viewer.stats.reconnects > 0));
});

test('SIGTERM to a worker drains and replaces it; SIGTERM to the primary ends all, with exit code 0', async (t) => {
  const scene = await startGroup(t, ['--go-away-ms', '10000']);
  if (scene === undefined) return;
  const { streamer, group, metrics } = scene;
  const { peer: broadcaster, source, burst } = await publish(t, streamer.url);
  const watchers = await watchOnBoth(t, group.url, metrics);
  const everything = () =>
    poll('every frame at every viewer', () => watchers.every(({ sequences }) => sequences.length === source.sequence), WAIT);
  await everything();
  const moving = sumOf(await metrics(), 'hayate_listener_viewers', 'worker="1"');
  assert.ok(moving > 0 && moving < watchers.length, `${moving} viewers on worker 1`);
  const pid = pidOf(group, 1);
  assert.ok(pid);
  process.kill(pid, 'SIGTERM');
  // Frames continue throughout, each sent when all viewers have the one before. Moving viewers get
  // them too, on either connection.
  const moved = () => watchers.reduce((sum, { viewer }) => sum + viewer.stats.reconnects, 0);
  while (moved() < moving) {
    broadcaster.send({ frames: [source.event()] });
    await everything();
  }
  await poll('another process', () => pidOf(group, 1) !== pid, WAIT);
  burst();
  await everything();
  assertUnbroken(watchers, source.sequence);
  assert.equal(sumOf(await metrics(), 'hayate_listener_viewers'), watchers.length);

  const peer = await connectPeer(t, group.url, '/watch');
  peer.send({ watch: { stream: 'hoshi', token: await devToken(group.url, { watch: ['*'] }) } });
  await peer.until('Watching', ({ watching }) => watching);
  for (const { viewer } of watchers) viewer.close();
  group.process.kill('SIGTERM');
  await peer.until('GOAWAY', ({ goAway }) => goAway);
  peer.close();
  assert.deepEqual(await group.process.exit, { code: 0, signal: null });
  assert.equal(group.process.stdout.filter((line) => line.startsWith('listening on')).length, 1);
});

test('without an internal port any worker answers operators for all workers', async (t) => {
  const redis = await startRedisServers(t, ['127.0.0.1']);
  if (redis?.[0] === undefined) return;
  const flags = ['--roles', 'listener,api', '--workers', '2', '--shards', redis[0].url];
  const group = await startHayateServer(t, { data: join(tempDir(t), 'data'), flags });
  await poll('the group to be ready', async () => (await fetch(`${group.url}/readyz`)).ok, WAIT);
  const text = await (await fetch(`${group.url}/metrics`)).text();
  for (const worker of [1, 2]) assert.match(text, new RegExp(`hayate_listener_streams\\{worker="${worker}"\\} 0`));
  assert.equal(text.split('\n').filter((line) => line.startsWith('# TYPE hayate_listener_streams ')).length, 1);
  // Ctrl-C, which a terminal sends to all processes.
  group.process.interrupt();
  assert.deepEqual(await group.process.exit, { code: 0, signal: null });
});

test('settings that allow only one process are refused for several workers, in one sentence', async (t) => {
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /--workers needs --log kafka:\/\/…, or --roles listener,api: only one process can open the embedded log of streamer and archiver/],
    [['--roles', 'listener,api'], /--workers needs --shards redis:/],
    [['--roles', 'listener', '--shards', 'redis://127.0.0.1:1', '--lan'], /--lan is for one process/],
    [['--roles', 'listener', '--shards', 'redis://127.0.0.1:1', '--host', '0.0.0.0'], /needs a key/],
    [['--roles', 'listener', '--shards', 'http://127.0.0.1:1'], /./],
  ];
  const check = async ([flags, sentence]: (typeof refused)[number]): Promise<void> => {
    const { code, stderr } = await runHayate(t, ['serve', '--workers', '2', '--port', '0', '--data', join(tempDir(t), 'data'), ...flags]);
    assert.equal(code, 2, flags.join(' '));
    assert.equal(stderr.length, 1, stderr.join('\n'));
    assert.match(stderr[0] ?? '', sentence);
  };
  await Promise.all(refused.map(check));
});
