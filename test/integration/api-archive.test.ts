// Past broadcasts over HTTP from a real server: made by the SDK, archived, listed, described, and
// replayed by the SDK's Replay.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { type AudioFrame, Broadcaster, createPose, type MotionFrame, Replay, type ReplayState } from '@hayate/client';
import { epochText, isKey, Kind, peekFrame, ServerMessageSchema } from '@hayate/protocol';
import { requestErasure } from '../../packages/server/src/archive/layout/erasure-record.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { cleanUp } from '../support/clean-up.ts';
import { demoClip } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const SECONDS = 12;
/** Windows of half a second, archived when the log is silent for one second. */
const FLAGS = ['--archive-window-ms', '500ms', '--frames-per-second-max', '100000', '--bits-per-second-max', '100000000'];

interface Past {
  stream: string;
  epoch: string;
  title: string;
  startedAt: string;
  endedAt: string;
  durationMs: number;
  frames: number;
  bytes: number;
  hasVoice: boolean;
  hasMotion: boolean;
  viewersMax: number;
  replayable: boolean;
  live: boolean;
}

/** A jaw opening that encodes the capture time, in steps of 20 ms. */
const jawOf = (captureUs: number) => Math.round((captureUs / 20_000) % 256) / 255;

/**
 * Broadcasts the demo clip with poses as fast as the server accepts it. Resolves to its epoch and
 * its number of frames.
 */
async function broadcast(t: TestContext, server: TestServer, stream: string, title: string): Promise<{ epoch: string; frames: number }> {
  const token = await server.token({ publish: [stream] });
  const audio = { channels: 1, preSkip: 312, inputSampleRate: 48_000 };
  const broadcaster = new Broadcaster({
    server: server.url,
    stream,
    token,
    title,
    audio,
    participants: [{ number: 1, name: 'Mitsuki', avatar: '' }],
  });
  cleanUp(t, () => broadcaster.close());
  await broadcaster.start();
  const epoch = epochText(broadcaster.epoch ?? 0n);
  for (const [i, { data }] of demoClip(SECONDS).packets.entries()) {
    const captureUs = i * 20_000;
    broadcaster.sendAudio({ packets: [data], position: i * 960, level: i % 100, captureUs });
    const pose = createPose();
    pose.shapes[17] = jawOf(captureUs);
    broadcaster.sendMotion(pose, { captureUs });
    if (i % 100 === 0) broadcaster.sendEvent({ case: 'comment', value: { author: 'aki', text: `${i / 50} s` } }, { captureUs });
    // No faster than acknowledgements arrive, since the server limits a broadcaster's frames per
    // second.
    if (i % 50 === 49) await poll('an acknowledgement', () => broadcaster.stats.unacknowledgedFrames < 50);
  }
  await broadcaster.end();
  return { epoch, frames: broadcaster.stats.nextSequence };
}

function client(server: TestServer, token: string) {
  return async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${server.url}/api/archive/broadcasts${path}`, { headers: { Authorization: `Bearer ${token}`, ...headers } });
}

async function moderator(server: TestServer, moderate: string[]) {
  const ask = client(server, await server.token({ moderate }));
  const list = async (query = '') => {
    const response = await ask(query);
    assert.equal(response.status, 200, query);
    return (await response.json()) as { broadcasts: Past[]; next?: string };
  };
  return { ask, list };
}

/** The broadcast, once it is completely archived and no longer listed as live. */
const archived = (server: TestServer, stream: string, frames: number): Promise<Past> =>
  poll('the archive to have it whole', async () => {
    const { list } = await moderator(server, [stream]);
    return (await list(`?stream=${stream}`)).broadcasts.find((broadcast) => broadcast.frames >= frames && !broadcast.live);
  });

test('a moderator sees only the past broadcasts of permitted streams, with their details', async (t) => {
  const server = await startTestServer(t, FLAGS);
  const { epoch, frames } = await broadcast(t, server, 'hoshi', 'First light');
  const past = await archived(server, 'hoshi', frames);
  await archived(server, 'tsuki', (await broadcast(t, server, 'tsuki', 'Moonrise')).frames);
  const { startedAt, endedAt, bytes, durationMs, ...rest } = past;
  assert.deepEqual(rest, {
    stream: 'hoshi',
    epoch,
    title: 'First light',
    frames,
    hasVoice: true,
    hasMotion: true,
    viewersMax: 0,
    replayable: true,
    live: false,
  });
  assert.equal(durationMs, (SECONDS * 50 - 1) * 20 + 1);
  assert.ok(bytes > 20_000 && Date.parse(startedAt) <= Date.parse(endedAt));

  const all = await moderator(server, ['*']);
  const hoshi = await moderator(server, ['hoshi']);
  assert.deepEqual(
    (await all.list()).broadcasts.map(({ stream }) => stream),
    ['tsuki', 'hoshi'],
  );
  assert.deepEqual(
    (await hoshi.list()).broadcasts.map(({ stream }) => stream),
    ['hoshi'],
  );
  assert.deepEqual((await all.list(`?to=${startedAt}`)).broadcasts, []);
  const inTokyo = new Date(Date.parse(startedAt) + 9 * 3_600_000).toISOString().replace('Z', '+09:00');
  assert.deepEqual((await all.list(`?to=${encodeURIComponent(inTokyo)}`)).broadcasts, []);
  assert.equal((await all.list(`?from=${encodeURIComponent(inTokyo)}`)).broadcasts.length, 2);
  const first = await all.list('?limit=1');
  assert.deepEqual([first.broadcasts.length, (await all.list(`?limit=1&after=${first.next}`)).broadcasts[0]?.stream], [1, 'hoshi']);
  for (const path of ['?stream=hoshi', `/hoshi/${epoch}`, `/hoshi/${epoch}/frames`]) {
    assert.equal((await (await moderator(server, ['tsuki'])).ask(path)).status, 403, path);
    assert.equal((await client(server, await server.token({ watch: ['*'], publish: ['*'] }))(path)).status, 403, path);
    assert.equal((await client(server, 'no token')(path)).status, 401, path);
  }
  assert.equal((await client(server, await server.token({ watch: ['*'] }))('')).status, 403);
  for (const query of [
    '?limit=0',
    '?limit=201',
    '?from=yesterday',
    '?from=2026-05-03T18:00:00',
    '?to=2026-02-30T00:00:00Z',
    '?to=2026-05-03T18:00:00+09:00',
    '?after=nothing',
    '?stream=a/b',
  ])
    assert.equal((await all.ask(query)).status, 400, query);

  const details = (await (await hoshi.ask(`/hoshi/${epoch}?windows=true`)).json()) as Past & {
    participants: unknown;
    levels: { slotMs: number; runs: [number, string][] };
    windows: { firstCaptureUs: number; lastCaptureUs: number; frames: string }[];
  };
  assert.deepEqual(details.participants, [{ number: 1, name: 'Mitsuki', avatar: '' }]);
  // Levels rise from 0 (loudest) to 99, twelve or thirteen frames a slot: the first frame of a slot
  // is the loudest.
  assert.equal(details.levels.slotMs, 250);
  const [[slot, hex] = [0, '']] = details.levels.runs;
  assert.deepEqual([details.levels.runs.length, slot, hex.slice(0, 8), hex.length], [1, 0, '000d1926', SECONDS * 4 * 2]);
  assert.ok(details.windows.length > 0);
  for (const window of details.windows) assert.match(window.frames, /^frames\/.*\.avro$/);
  assert.equal(Math.max(...details.windows.map(({ lastCaptureUs }) => lastCaptureUs)), (SECONDS * 50 - 1) * 20_000);
});

test('the frames of an interval are returned as they were broadcast, within a bound, until the broadcast is erased', async (t) => {
  const server = await startTestServer(t, FLAGS);
  const { epoch, frames } = await broadcast(t, server, 'hoshi', 'First light');
  await archived(server, 'hoshi', frames);
  const { ask } = await moderator(server, ['hoshi']);
  const read = async (query: string) => {
    const response = await ask(`/hoshi/${epoch}/frames${query}`);
    assert.equal(response.status, 200, query);
    assert.equal(response.headers.get('content-type'), 'application/protobuf');
    const { frames } = fromBinary(ServerMessageSchema, new Uint8Array(await response.arrayBuffer()));
    return { frames: frames.map((bytes) => peekFrame(bytes)), next: response.headers.get('hayate-next-ms') };
  };
  const whole = await read('?from_ms=0&to_ms=30000');
  assert.equal(whole.frames.length, frames);
  assert.deepEqual(
    whole.frames.map(({ sequence }) => sequence),
    Array.from({ length: frames }, (_, i) => i),
  );
  assert.equal(whole.next, null);
  const stretch = await read('?from_ms=5010&to_ms=6010');
  const within = stretch.frames.filter(({ captureUs }) => captureUs >= 5_010_000 && captureUs < 6_010_000);
  assert.deepEqual(
    [within.filter(({ kind }) => kind === Kind.AUDIO).length, within.filter(({ kind }) => kind === Kind.MOTION).length],
    [50, 50],
  );
  const leadIn = stretch.frames.filter((frame) => !within.includes(frame));
  assert.deepEqual(leadIn.map(({ kind }) => kind).toSorted(), [Kind.HEADER, Kind.MOTION]);
  assert.equal(stretch.next, '6010');
  // A player that seeks back has these already.
  const path = `/hoshi/${epoch}/frames?from_ms=5010&to_ms=6010`;
  const etag = (await ask(path)).headers.get('etag') ?? '';
  const known = await ask(path, { 'If-None-Match': etag });
  assert.deepEqual([known.status, await known.text(), known.headers.get('hayate-next-ms')], [304, '', '6010']);
  assert.equal((await ask(`/hoshi/${epoch}/frames?from_ms=5030&to_ms=6010`, { 'If-None-Match': etag })).status, 200);
  const firstPose = within.find(({ kind }) => kind === Kind.MOTION);
  assert.ok(
    firstPose !== undefined && (isKey(firstPose) || firstPose.keySequence === leadIn.find(({ kind }) => kind === Kind.MOTION)?.sequence),
  );
  // Ten seconds by default, thirty at most, and nothing after the end.
  assert.equal((await read('')).next, '10000');
  assert.equal((await read('?from_ms=1000&to_ms=9000000')).next, null);
  assert.ok((await read('?from_ms=900000')).frames.every(({ captureUs }) => captureUs < 900_000_000));
  for (const query of ['?from_ms=-1', '?from_ms=x', '?from_ms=5000&to_ms=4000'])
    assert.equal((await ask(`/hoshi/${epoch}/frames${query}`)).status, 400);
  assert.equal((await ask('/hoshi/0198f3c2a7b00a5f/frames')).status, 404);

  const store = await openFsStore({ directory: `${server.dataDirectory}/archive` });
  await requestErasure(store, { stream: 'hoshi', epoch }, Date.now());
  for (const path of ['', '/frames']) {
    const response = await ask(`/hoshi/${epoch}${path}`);
    assert.equal(response.status, 410);
    assert.match(await response.text(), /has been erased/);
  }
  assert.deepEqual(await (await ask('')).json(), { broadcasts: [] });
});

test('the SDK replays a broadcast: every frame once and on time, at any speed, from any position', async (t) => {
  const server = await startTestServer(t, FLAGS);
  const { epoch, frames } = await broadcast(t, server, 'hoshi', 'First light');
  const { durationMs } = await archived(server, 'hoshi', frames);
  let nowMs = 0;
  const token = () => server.token({ moderate: ['hoshi'] });
  const replay = new Replay({ server: server.url, stream: 'hoshi', epoch, token, durationMs, clock: { nowMs: () => nowMs } });
  cleanUp(t, () => replay.close());
  const audio: AudioFrame[] = [];
  const motion: MotionFrame[] = [];
  const events: number[] = [];
  const states: ReplayState[] = [];
  replay.on('audio', (frame) => audio.push(frame));
  replay.on('motion', (frame) => {
    assert.ok(Math.abs((frame.pose.shapes[17] ?? 0) - jawOf(frame.captureUs)) < 1e-6);
    assert.ok(frame.captureUs / 1000 <= replay.positionMs + 1_000 * replay.rate);
    motion.push(frame);
  });
  replay.on('event', ({ captureUs }) => events.push(captureUs / 1000));
  replay.on('state', ({ state }) => states.push(state));
  const begin = () => {
    for (const list of [audio, motion, events, states]) list.splice(0);
  };
  /** Advances the replay's clock until `condition` holds; its timers are real. */
  const waitFor = (what: string, condition: () => boolean) =>
    poll(what, () => {
      nowMs += 160;
      return condition();
    });

  for (const rate of [1, 4, 0.5]) {
    begin();
    replay.rate = rate;
    replay.seek(0);
    replay.play();
    await waitFor('the end of the replay', () => replay.state === 'ended');
    const packets = demoClip(SECONDS).packets.map(({ data }) => Buffer.from(data).toString('hex'));
    const voiced = [...new Map(audio.map((frame) => [frame.sequence, frame])).values()];
    assert.deepEqual(
      voiced.map(({ packets: [packet] }) => Buffer.from(packet ?? []).toString('hex')),
      packets,
      `voice at ${rate}`,
    );
    assert.deepEqual(
      motion.map(({ captureUs }) => captureUs),
      Array.from({ length: SECONDS * 50 }, (_, i) => i * 20_000),
    );
    assert.deepEqual(
      events,
      Array.from({ length: SECONDS / 2 }, (_, i) => i * 2_000),
    );
    assert.equal(replay.header?.title, 'First light');
  }

  // Shows a picture without playing.
  begin();
  replay.seek(7_230);
  await poll('the position', () => replay.state === 'paused');
  assert.deepEqual([replay.positionMs, audio.length, states.at(-1)], [7_230, 0, 'paused']);
  assert.ok(motion.some(({ captureUs }) => captureUs === 7_220_000) && motion.some(({ captureUs }) => captureUs === 7_240_000));
  // Seeks forward and back while it plays.
  for (const placeMs of [7_230, 10_510, 2_003]) {
    begin();
    replay.seek(placeMs);
    replay.play();
    await waitFor('a second of the replay', () => replay.state === 'playing' && replay.positionMs > placeMs + 1_000);
    const first = audio[0]?.captureUs ?? 0;
    assert.ok(first >= (placeMs - 100) * 1000 && first < (placeMs - 80) * 1000 + 20_000, `voice from ${first} for ${placeMs}`);
    for (const [i, frame] of audio.entries()) assert.equal(frame.captureUs, first + i * 20_000);
    assert.ok(events.every((ms) => ms >= placeMs));
  }
  // A paused replay stands still; when it resumes, the voice continues from there.
  replay.pause();
  const placeMs = replay.positionMs;
  nowMs += 5_000;
  assert.equal(replay.positionMs, placeMs);
  begin();
  replay.play();
  await waitFor('the replay to continue', () => replay.positionMs > placeMs + 500);
  assert.ok((audio[0]?.captureUs ?? 0) >= (placeMs - 100) * 1000 && (audio[0]?.captureUs ?? 0) < placeMs * 1000);
  assert.equal(replay.malformed, 0);
});

test('a refused replay says why, and plays when it is retried with permission', async (t) => {
  const server = await startTestServer(t, FLAGS);
  const { epoch, frames } = await broadcast(t, server, 'hoshi', 'First light');
  const { durationMs } = await archived(server, 'hoshi', frames);
  let moderate = ['tsuki'];
  const replay = new Replay({ server: server.url, stream: 'hoshi', epoch, token: () => server.token({ moderate }), durationMs });
  cleanUp(t, () => replay.close());
  replay.play();
  await poll('the refusal', () => replay.state === 'failed');
  assert.match(replay.reason ?? '', /does not grant moderate/);
  moderate = ['hoshi'];
  replay.play();
  await poll('the replay to play', () => replay.state === 'playing');
  assert.equal(replay.reason, undefined);
});
