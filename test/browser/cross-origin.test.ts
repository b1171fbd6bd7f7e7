// An application of another origin replays a broadcast and reads the archive in Chromium, which
// enforces CORS. The origin on the list can do so, the other one cannot. Both are the same page on
// two ports.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Broadcaster, createPose } from '@hayate/client';
import { epochText } from '@hayate/protocol';
import type { Page } from 'playwright-core';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { root, runProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { launchBrowser } from './browser.ts';
import type { CrossOriginPage } from './cross-origin-page.ts';

const POSES = 50;
const OBJECT = 'audio/hoshi/00/1.ogg';

/** The page's script, bundled as an application would have it. */
async function bundle(t: TestContext): Promise<string> {
  const out = tempDir(t);
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  const config = join(root, 'test/browser/cross-origin.config.ts');
  const built = await runProcess(t, [vite, 'build', '--config', config, '--outDir', out, '--logLevel', 'warn'], { timeoutMs: 120_000 });
  assert.equal(built.code, 0, built.lines.join('\n'));
  return readFileSync(join(out, 'page.js'), 'utf8');
}

/** Serves the page on its own port; resolves to its origin. */
async function serve(t: TestContext, script: string): Promise<string> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

/** Broadcasts a second of poses and waits until they are archived. */
async function makePast(server: TestServer): Promise<{ stream: string; epoch: string; durationMs: number }> {
  const broadcaster = new Broadcaster({
    server: server.url,
    stream: 'hoshi',
    token: await server.token({ publish: ['*'] }),
    title: 'Elsewhere',
  });
  await broadcaster.start();
  const epoch = epochText(broadcaster.epoch ?? 0n);
  for (let i = 0; i < POSES; i++) broadcaster.sendMotion(createPose(), { captureUs: i * 20_000 });
  await broadcaster.end();
  const headers = { Authorization: `Bearer ${await server.token({ moderate: ['*'] })}` };
  const past = await poll('the archive to have it', async () => {
    const { broadcasts } = (await (await fetch(`${server.url}/api/archive/broadcasts`, { headers })).json()) as {
      broadcasts: { frames: number; durationMs: number }[];
    };
    return broadcasts.find(({ frames }) => frames >= POSES);
  });
  return { stream: 'hoshi', epoch, durationMs: past.durationMs };
}

const inPage = (page: Page) => ({
  replay: (...args: Parameters<CrossOriginPage['replay']>) =>
    page.evaluate((args) => (window as unknown as { page: CrossOriginPage }).page.replay(...args), args),
  ask: (...args: Parameters<CrossOriginPage['ask']>) =>
    page.evaluate((args) => (window as unknown as { page: CrossOriginPage }).page.ask(...args), args),
});

test('an application of a listed origin replays, lists and reads objects; one of another origin cannot', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const script = await bundle(t);
  const [listed, other] = [await serve(t, script), await serve(t, script)];
  const server = await startTestServer(t, [
    '--cors-origins',
    `https://app.example, ${listed.toUpperCase()}/`,
    '--archive-window-ms',
    '500ms',
  ]);
  const store = await openFsStore({ directory: server.archiveDirectory });
  await store.putIfAbsent(OBJECT, Buffer.from('OggS hoshi'));
  await store.close();
  const past = await makePast(server);
  const token = await server.token({ moderate: ['*'], watch: ['*'] });
  const authorized = { Authorization: `Bearer ${token}` };
  const object = `${server.url}/api/archive/objects/${OBJECT}`;
  const browser = await launchBrowser(t, { executablePath, url: server.url, autoplay: 'allowed' });

  await t.test('an application of a listed origin replays, lists and reads objects', async () => {
    const app = inPage(await browser.open(listed));
    assert.deepEqual(await app.replay({ server: server.url, ...past, token }), { state: 'ended', poses: POSES });
    const listing = await app.ask(`${server.url}/api/archive/broadcasts`, { headers: authorized });
    assert.ok(typeof listing !== 'string' && listing.text.includes(past.epoch));
    const part = await app.ask(object, { headers: { ...authorized, Range: 'bytes=0-3' } });
    assert.ok(typeof part !== 'string');
    assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, 'OggS', 'bytes 0-3/10']);
    // A revalidation by the script itself: it can read a 304 like the answer.
    const known = await app.ask(object, { headers: { ...authorized, 'If-None-Match': part.headers.etag ?? '' }, cache: 'no-store' });
    assert.ok(typeof known !== 'string' && known.status === 304);
    assert.deepEqual(browser.takeErrors(), []);
    for (const [url, init, status] of [
      [object, {}, 401],
      [`${object}x`, { headers: authorized }, 404],
      [`${server.url}/api/nothing`, {}, 404],
      [`${server.url}/api/streams/hoshi/end`, { method: 'POST', headers: authorized }, 404],
    ] as const) {
      const seen = await app.ask(url, init);
      assert.ok(typeof seen !== 'string', `${url} can be read`);
      assert.deepEqual([seen.status, (JSON.parse(seen.text) as { error: { code: string } }).error.code !== ''], [status, true]);
    }
    browser.takeErrors();
  });

  await t.test('a listed origin cannot read tokens, metrics and pages', async () => {
    const app = inPage(await browser.open(listed));
    const grants = JSON.stringify({ grants: { watch: ['*'] } });
    assert.equal(
      await app.ask(`${server.url}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: grants }),
      'TypeError',
    );
    for (const path of ['/metrics', '/readyz', '/']) assert.equal(await app.ask(server.url + path, {}), 'TypeError', path);
    browser.takeErrors();
  });

  await t.test('an application of another origin reads nothing', async () => {
    const app = inPage(await browser.open(other));
    assert.deepEqual(await app.replay({ server: server.url, ...past, token }), { state: 'failed', poses: 0 });
    for (const init of [{}, { headers: authorized }]) assert.equal(await app.ask(object, init), 'TypeError');
    assert.equal(await app.ask(`${server.url}/api/openapi.json`, {}), 'TypeError');
    assert.match(browser.takeErrors().join('\n'), /blocked by CORS policy/);
  });
});
