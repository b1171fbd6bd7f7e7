// `npm run demo:scale`, used like a visitor uses it: real Redis servers are hung, killed, resumed
// and restarted, and the output of the page and its viewers is compared with the expected state.
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { ViewerDebug } from '../../packages/web/src/debug.ts';
import type { Snapshot } from '../../packages/web/src/scale/scene.ts';
import { ensurePages } from '../../scripts/pages.mjs';
import { poll } from '../support/poll.ts';
import { startProcess, type TestProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { launchBrowser } from './browser.ts';

const VIEWERS = 20;
/** Frames over all viewers that show that a state lasts: about two seconds of the broadcast. */
const FRAMES = 150 * VIEWERS;
const WAIT = { timeoutMs: 60_000 };

async function startDemo(t: TestContext): Promise<{ demo: TestProcess; url: string } | undefined> {
  const redis = requireTool(t, 'redis-server');
  if (redis === undefined) return undefined;
  await ensurePages(process.execPath, 'demo');
  const demo = startProcess(t, ['demo/scale/main.ts', '--redis-server', redis, '--viewers', String(VIEWERS), '--port', '0']);
  const [, url = ''] = await demo.untilLine(/Pull the plug at\s+(http\S+)/, WAIT);
  return { demo, url };
}

/** The next snapshot. */
async function snapshotOf(url: string): Promise<Snapshot> {
  const response = await fetch(`${url}/demo/snapshots`);
  let text = '';
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const event = /^data: (.*)\n\n/.exec(text);
    if (event?.[1] !== undefined) return JSON.parse(event[1]) as Snapshot;
  }
  throw new Error('the snapshots have ended');
}

const untilSnapshot = (url: string, what: string, holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> =>
  poll(
    what,
    async () => {
      const snapshot = await snapshotOf(url);
      return holds(snapshot) && snapshot;
    },
    WAIT,
  );

/** The avatar's pose as it was last drawn. */
const drawnPose = (page: Page): Promise<string> =>
  page.evaluate(() => JSON.stringify((window.hayate as ViewerDebug | undefined)?.rendered.at(-1) ?? ''));

/** Waits until the avatar has moved several times. */
async function untilItMoves(page: Page): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const before = await drawnPose(page);
    await poll('another pose', async () => (await drawnPose(page)) !== before, WAIT);
  }
}

/** The status of a POST to the demo, as any program may send one. */
const post = (url: string, headers: Record<string, string>, body: unknown): Promise<number> =>
  fetch(`${url}/demo/action`, { method: 'POST', headers, body: JSON.stringify(body) }).then(({ status }) => status);

/** The status of a GET that uses another name for the server, which `fetch` does not allow. */
const statusAs = (url: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get(`${url}/demo/scene`, { headers: { Host: host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });

const isOpen = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

test('Redis servers hang, die and return while the avatar keeps talking, and no viewer misses a frame', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  const started = executablePath === undefined ? undefined : await startDemo(t);
  if (executablePath === undefined || started === undefined) return;
  const { demo, url } = started;
  const browser = await launchBrowser(t, { executablePath, url, autoplay: 'allowed' });
  const page = await browser.open('/?debug&quality=low');
  assert.equal(new URL(page.url()).pathname, '/scale');
  // The redirect drops the query.
  await page.goto(`${url}/scale?debug&quality=low`);
  const press = (shard: number, name: string) =>
    page
      .getByRole('listitem', { name: `Redis ${shard}` })
      .getByRole('button', { name })
      .click();
  const shard = ({ shards }: Snapshot, number: number) => {
    const found = shards[number - 1];
    assert.ok(found);
    return found;
  };
  const received = ({ audience }: Snapshot) => audience.received;
  /** Viewers get many more frames than at `then`, none is lost, and the avatar moves. */
  const goesOn = async (then: Snapshot): Promise<Snapshot> => {
    const now = await untilSnapshot(url, 'more frames at the viewers', (snapshot) => received(snapshot) > received(then) + FRAMES);
    assert.equal(now.total.lost, 0);
    await untilItMoves(page);
    return now;
  };

  let now = await untilSnapshot(
    url,
    'all viewers, and all Redis at work',
    ({ audience, shards }) => audience.begunUnixMs !== null && shards.every(({ isUsed, publishes }) => isUsed && publishes > 0),
  );
  assert.equal(now.listeners, 2);
  now = await goesOn(now);

  await t.test('a Redis hangs, and the others carry its unanswered messages', async () => {
    const before = now;
    await press(1, 'Hang this Redis');
    now = await untilSnapshot(
      url,
      'the frames that were sent again',
      (snapshot) => shard(snapshot, 1).condition === 'hung' && !shard(snapshot, 1).isUsed && shard(snapshot, 1).republished > 0,
    );
    now = await goesOn(now);
    assert.ok(now.total.republished > before.total.republished);
  });

  await t.test('another is killed, and the last one carries all messages', async () => {
    const before = now;
    await press(2, 'Kill this Redis');
    now = await untilSnapshot(url, 'its death', (snapshot) => shard(snapshot, 2).condition === 'dead' && !shard(snapshot, 2).isUsed);
    const dead = now;
    now = await goesOn(dead);
    assert.equal(shard(now, 2).publishes, shard(dead, 2).publishes);
    assert.equal(shard(now, 1).publishes, shard(dead, 1).publishes);
    assert.ok(shard(now, 3).publishes > shard(before, 3).publishes + FRAMES / VIEWERS / 2);
  });

  await t.test('both come back and carry their share', async () => {
    const before = now;
    await press(1, 'Resume it');
    await press(2, 'Start it again');
    now = await untilSnapshot(url, 'all three at work', (snapshot) =>
      [1, 2].every(
        (number) =>
          shard(snapshot, number).condition === 'running' &&
          shard(snapshot, number).isUsed &&
          shard(snapshot, number).publishes > shard(before, number).publishes,
      ),
    );
    now = await goesOn(now);
  });

  await t.test('the page lists the four actions', async () => {
    await poll('four actions in the list', async () => (await page.locator('.actions li').count()) === 4, WAIT);
    assert.deepEqual(await page.locator('.actions strong').allInnerTexts(), [
      'Redis 2 started again',
      'Redis 1 resumed',
      'Redis 2 killed',
      'Redis 1 hung',
    ]);
    for (const lost of await page.locator('.actions li > :nth-child(3)').allInnerTexts()) assert.equal(lost, '0 lost');
    assert.match(await page.locator('.counter-main').innerText(), /^Frames lost\s+0\s/);
    assert.match(await page.locator('.traffic').innerText(), /estimated/);
    assert.equal(await page.getByRole('button', { name: 'Hang this Redis' }).count(), 3);
  });

  await t.test('no other page, name or address may control the Redis servers', async () => {
    const action = { shard: 1, action: 'kill' };
    const json = { 'Content-Type': 'application/json' };
    assert.equal(await post(url, json, action), 403);
    assert.equal(await post(url, { ...json, Origin: 'http://localhost:1' }, action), 403);
    assert.equal(await post(url, { 'Content-Type': 'text/plain', Origin: url }, action), 400);
    assert.equal(await post(url, { ...json, Origin: url }, { shard: 9, action: 'kill' }), 409);
    assert.equal(await post(url, { ...json, Origin: url }, { shard: 1, action: 'SIGKILL' }), 400);
    assert.equal(await statusAs(url, 'demo.example'), 403);
    assert.equal(await isOpen(Number(new URL(url).port), '127.0.0.2'), false);
    assert.ok((await snapshotOf(url)).shards.every(({ condition }) => condition === 'running'));
  });

  await t.test('Ctrl-C ends all processes, also a Redis that hangs', async () => {
    await press(3, 'Hang this Redis');
    const { shards } = await untilSnapshot(url, 'the last one to hang', (snapshot) => shard(snapshot, 3).condition === 'hung');
    await page.close();
    demo.interrupt();
    assert.deepEqual(await demo.exit, { code: 0, signal: null });
    for (const { address } of shards) {
      const [host = '', port] = address.split(':');
      assert.equal(await isOpen(Number(port), host), false, `Redis at ${address} is gone`);
    }
  });
});

test('without redis-server on PATH the demo names the package to install', async (t) => {
  const demo = startProcess(t, ['scripts/demo-scale.mjs'], { env: { PATH: '' } });
  assert.deepEqual(await demo.exit, { code: 1, signal: null });
  assert.match(
    demo.stderr.join('\n'),
    /no redis-server and no valkey-server on PATH; install one \(Debian: apt-get install redis-server\)/,
  );
});
