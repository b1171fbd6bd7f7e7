// Development mode in a real browser. Pages on the server's own machine get a token through the
// token port, by HTTP, and with --lan by HTTPS. A page of another site gets none, whether it asks
// the public port or the token port.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { chromium, type Page } from 'playwright-core';
import { ensurePages } from '../../scripts/pages.mjs';
import { cleanUp } from '../support/clean-up.ts';
import { openRaw } from '../support/raw-http.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';

const ROLES = ['--roles', 'streamer,listener,api'];
const BODY = '{"grants":{"moderate":["*"]}}';

/** The result for a page that asks at `url`: a status, or the browser's refusal. */
const ask = (page: Page, url: string): Promise<number | string> =>
  page.evaluate(
    ([url = '', body = '']) =>
      fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }).then(
        async (response) => (((await response.json()) as { token?: string }).token === undefined ? 'no token' : response.status),
        (error: unknown) => String(error),
      ),
    [url, BODY],
  );

/** A browser in which evil.example resolves to this machine: DNS rebinding has succeeded. */
async function openBrowser(t: TestContext): Promise<((url: string) => Promise<Page>) | undefined> {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return undefined;
  await ensurePages(process.execPath);
  const args = ['--no-sandbox', '--disable-background-networking', '--host-resolver-rules=MAP evil.example 127.0.0.1'];
  const browser = await chromium.launch({ executablePath, args });
  cleanUp(t, () => browser.close());
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  return async (url) => {
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
}

test('a page on this machine gets a token, under each of its names, and with --lan by HTTPS', async (t) => {
  const open = await openBrowser(t);
  if (open === undefined) return;
  for (const flags of [[], ['--lan']]) {
    const server = await startTestServer(t, [...ROLES, ...flags]);
    const { protocol, port } = new URL(server.url);
    for (const host of ['localhost', '127.0.0.1']) {
      const page = await open(`${protocol}//${host}:${port}/`);
      assert.equal(await ask(page, '/dev/token'), 200, `${protocol}//${host}`);
    }
  }
});

test('a page of another site gets no token, at the public port, at the token port, or under a name that it rebound to this machine', async (t) => {
  const open = await openBrowser(t);
  if (open === undefined) return;
  const server = await startTestServer(t, ROLES);
  const { port } = new URL(server.url);
  const head = `POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;
  const tokenPort = (await openRaw(t, server.url).ask(head + BODY)).headers.location ?? '';
  assert.match(tokenPort, /^http:\/\/127\.0\.0\.1:\d+\/dev\/token$/);
  const site = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end('<title>evil</title>'));
  const { promise, resolve } = Promise.withResolvers<void>();
  site.listen(0, '127.0.0.1', resolve);
  await promise;
  cleanUp(t, () => {
    site.closeAllConnections();
    site.close();
  });
  const evil = await open(`http://evil.example:${(site.address() as AddressInfo).port}/`);
  for (const url of [`http://localhost:${port}/dev/token`, `http://127.0.0.1:${port}/dev/token`, tokenPort])
    assert.match(String(await ask(evil, url)), /TypeError/, url);
  const rebound = await open(`http://evil.example:${port}/livez`);
  assert.equal(await ask(rebound, '/dev/token'), 'no token');
});
