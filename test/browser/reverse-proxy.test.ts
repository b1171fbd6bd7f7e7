// The service under a path of another host: a real proxy, configured as
// docs/operate/reverse-proxy.md says, in front of a real server. The command line broadcasts
// through it, and a user opens every page in Chromium. A failed request, or any error that a page
// reports, fails the test (browser.ts).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { signToken } from '../../packages/server/src/auth/sign-token.ts';
import type { StudioDebug, ViewerDebug } from '../../packages/web/src/debug.ts';
import { docBlock } from '../support/doc-block.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { runHayate, startHayate } from '../support/hayate.ts';
import { startNginx } from '../support/nginx.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { launchBrowser, type TestBrowser } from './browser.ts';

const SECRET = 'a secret of this test alone, of 32 bytes or more';
const PAGE = 'docs/operate/reverse-proxy.md';
const WAIT = { timeoutMs: 60_000 };
const FLAGS = ['--jwt-secret', SECRET, '--archive-window-ms', '500ms', '--archive-cut-windows', '1'];

const everything = async (): Promise<string> => {
  const grants = { publish: ['*'], watch: ['*'], room: [], moderate: ['*'] };
  return (await signToken({ subject: 'a visitor', grants }, Buffer.from(SECRET))).token;
};

/** An example of the documentation, with the port of this server. */
const example = (title: string, server: TestServer): string => docBlock(PAGE, title).replaceAll(':8080', `:${new URL(server.url).port}`);

interface Listing {
  broadcasts: unknown[];
}

const pathOf = (page: Page): string => new URL(page.url()).pathname;

async function untilWatching(page: Page): Promise<void> {
  await poll('the viewer to be live', () => page.evaluate(() => (window.hayate as ViewerDebug | undefined)?.state() === 'live'), WAIT);
  const rendered = () => page.evaluate(() => (window.hayate as ViewerDebug).rendered.length);
  const before = await rendered();
  await poll('the avatar to move', async () => (await rendered()) > before, WAIT);
}

/** Opens every page below `site`, the address of the front page without its slash. */
async function lookAround(t: TestContext, browser: TestBrowser, site: string): Promise<void> {
  const token = await everything();
  const prefix = new URL(site).pathname;
  const broadcast = ['broadcast', 'packages/server/demo/hello.ogg', '--stream', 'demo', '--loop', '--server', site, '--token', token];
  startHayate(t, broadcast);

  await t.test('the front page shows the live stream and links to it', async () => {
    const page = await browser.open(`${site}/?debug&quality=low#token=${token}`);
    const link = page.locator(`a[href="${prefix}/watch/demo?debug&quality=low"]`).first();
    await link.waitFor({ timeout: WAIT.timeoutMs });
    assert.equal(pathOf(page), `${prefix}/`);
    await link.click();
    await untilWatching(page);
    assert.equal(pathOf(page), `${prefix}/watch/demo`);
    // A page loaded at a path deep inside finds its parts as well.
    await page.reload();
    await untilWatching(page);
    await page.goBack();
    await link.waitFor({ timeout: WAIT.timeoutMs });
    await page.close();
  });

  await t.test('the studio starts a broadcast', async () => {
    const page = await browser.open(`${site}/studio?debug&quality=low&processing=off#token=${token}`);
    await page.getByLabel('Stream name').fill('through-the-proxy');
    await page.getByLabel('Title').fill('From below');
    await page.getByRole('button', { name: 'Go live' }).click();
    await poll('the studio to be live', () => page.evaluate(() => (window.hayate as StudioDebug | undefined)?.epoch() || undefined), WAIT);
    await page.close();
  });

  await t.test('past broadcasts are listed and replayed', async () => {
    const headers = { Authorization: `Bearer ${token}` };
    const past = async () =>
      ((await (await fetch(`${site}/api/archive/broadcasts?stream=demo`, { headers })).json()) as Listing).broadcasts;
    await poll('the broadcast in the archive', async () => (await past()).length > 0, WAIT);
    const page = await browser.open(`${site}/past?debug&quality=low#token=${token}`);
    await page.locator(`a[href^="${prefix}/past/demo/"]`).first().click({ timeout: WAIT.timeoutMs });
    await poll('the replay', () => page.evaluate(() => (window.hayate as ViewerDebug | undefined)?.state() !== undefined), WAIT);
    assert.match(pathOf(page), new RegExp(`^${prefix}/past/demo/[0-9a-f]{16}$`));
    await page.reload();
    await poll('the replay again', () => page.evaluate(() => (window.hayate as ViewerDebug | undefined)?.state() !== undefined), WAIT);
    await page.close();
  });

  await t.test('a mistyped address gets a page that links back', async () => {
    const page = await browser.open(`${site}/studio/nowhere`);
    await page.getByRole('heading', { name: 'There is nothing here.' }).waitFor({ timeout: WAIT.timeoutMs });
    assert.equal(await page.getByRole('link', { name: 'See who is live' }).getAttribute('href'), `${prefix}/`);
    const errors = browser.takeErrors();
    assert.ok(errors.length > 0 && errors.every((error) => error.includes('404') && error.includes('/studio/nowhere')), errors.join('\n'));
    await page.close();
  });

  await t.test('the command line watches the stream', async (t) => {
    const watched = await runHayate(t, [
      'watch',
      'demo',
      '--duration',
      '1s',
      '--server',
      `${site}/`,
      '--token',
      token,
      '--out',
      join(tempDir(t), 'heard.ogg'),
    ]);
    assert.equal(watched.code, 0, watched.lines.join('\n'));
  });
}

test('everything works behind an nginx that removes the prefix without telling the server', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const server = await startTestServer(t, FLAGS);
  const nginx = await startNginx(t, {
    http: example('http: for WebSockets', server),
    server: example('server: the prefix is taken off', server).replace(/ *proxy_set_header X-Forwarded-Prefix.*\n/, ''),
  });
  if (nginx === undefined) return;
  const site = `${nginx.url}/hayate`;
  await lookAround(t, await launchBrowser(t, { executablePath, url: site, autoplay: 'allowed' }), site);
});

test('everything works behind an nginx that keeps the prefix, with --base-path', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const server = await startTestServer(t, [...FLAGS, '--base-path', '/hayate']);
  const nginx = await startNginx(t, {
    http: example('http: for WebSockets', server),
    server: example('server: the prefix is passed on', server),
  });
  if (nginx === undefined) return;
  const site = `${nginx.url}/hayate`;
  const bare = await fetch(`${site}?debug`);
  assert.deepEqual([bare.status, new URL(bare.url).pathname], [200, '/hayate/']);
  await lookAround(t, await launchBrowser(t, { executablePath, url: site, autoplay: 'allowed' }), site);
});

test('everything works behind a HAProxy that removes the prefix and says so in a header', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const server = await startTestServer(t, FLAGS);
  const haproxy = await startHaproxy(t, {
    frontend: example('frontend: the prefix is taken off', server),
    backend: `server a 127.0.0.1:${new URL(server.url).port}`,
  });
  if (haproxy === undefined) return;
  const site = `${haproxy.url}/hayate`;
  const { servers } = (await (await fetch(`${site}/api/openapi.json`)).json()) as { servers: unknown };
  assert.deepEqual(servers, [{ url: '/hayate' }]);
  const browser = await launchBrowser(t, { executablePath, url: site, autoplay: 'allowed' });
  const token = await everything();
  startHayate(t, ['broadcast', 'packages/server/demo/hello.ogg', '--stream', 'demo', '--loop', '--server', site, '--token', token]);
  const page = await browser.open(`?debug&quality=low#token=${token}`);
  await page.locator('a[href="/hayate/watch/demo?debug&quality=low"]').first().click({ timeout: WAIT.timeoutMs });
  await untilWatching(page);
});
