import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { checkBasePath, forwardedPrefix, readBasePath, underBasePath } from './base-path.ts';

test('a base path may be written with or without slashes around it', () => {
  for (const text of ['hayate', '/hayate', 'hayate/', '/hayate/']) assert.equal(readBasePath(text), '/hayate', text);
  assert.equal(readBasePath('a/b.c/~d_e-f/'), '/a/b.c/~d_e-f');
  assert.equal(readBasePath('/'), '');
  assert.equal(readBasePath(''), '');
});

test('a base path that is not a plain path is refused', () => {
  for (const text of [
    '//',
    '//hayate',
    '/hayate//',
    '/a//b',
    '..',
    '/../a',
    '/a/./b',
    '/a/..',
    '/a?b',
    '/a#b',
    '/a b',
    '/a%2fb',
    '/疾風',
    '/a\\b',
    'https://host/hayate',
    '/a:b',
    '/a"b',
    '/<a>',
    'a'.repeat(300),
  ]) {
    assert.equal(readBasePath(text), undefined, text);
    assert.equal(forwardedPrefix(text), undefined, text);
    assert.throws(() => checkBasePath(text), { code: 'CONFIGURATION', message: /--base-path must be a path such as \/hayate/ }, text);
  }
  assert.deepEqual([forwardedPrefix(' /hayate/ '), forwardedPrefix('/'), forwardedPrefix(undefined)], ['/hayate', undefined, undefined]);
});

/**
 * Starts a server below `basePath` that answers with the request it got, and sends it a target
 * exactly as written.
 */
async function serve(t: TestContext, basePath: string) {
  const server = createServer(
    underBasePath(basePath, (request, response) =>
      response.end(`${request.url} ${request.headers['x-forwarded-prefix'] ?? '-'} ${request.rawHeaders.includes('X-Forwarded-Prefix')}`),
    ),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return (path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; location: string | undefined; body: string }>((resolve, reject) => {
      const onResponse = async (response: IncomingMessage) => {
        const body = (await response.toArray()).join('');
        resolve({ status: response.statusCode, location: response.headers.location, body });
      };
      get({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => void onResponse(response)).on('error', reject);
    });
}

test('the base path is removed from requests below it, and other requests are unchanged', async (t) => {
  const ask = await serve(t, '/a/b.c');
  for (const [target, seen] of [
    ['/a/b.c/', '/'],
    ['/a/b.c/watch/x?y=/a/b.c', '/watch/x?y=/a/b.c'],
    ['/a/b.c/a/b.c/', '/a/b.c/'],
    ['http://host/a/b.c/x', 'http://host/x'],
    ['/', '/'],
    ['/livez', '/livez'],
    ['/a/bxc/', '/a/bxc/'],
    ['/a/b.cd', '/a/b.cd'],
    ['/x/a/b.c/', '/x/a/b.c/'],
  ] as const)
    assert.equal((await ask(target)).body, `${seen} - false`, target);
});

test('the base path without its slash redirects to the one with it, and keeps the query', async (t) => {
  const ask = await serve(t, '/a/b.c');
  for (const [target, location] of [
    ['/a/b.c', 'b.c/'],
    ['/a/b.c?debug&x=/', 'b.c/?debug&x=/'],
  ] as const) {
    const answer = await ask(target);
    assert.deepEqual([answer.status, answer.location], [308, location]);
    assert.equal(new URL(location, `http://host${target}`).pathname, '/a/b.c/');
  }
});

test("a proxy's prefix header is ignored for a path that still has the prefix", async (t) => {
  const ask = await serve(t, '/hayate');
  const headers = { 'X-Forwarded-Prefix': '/other' };
  assert.equal((await ask('/hayate/x', headers)).body, '/x - false');
  assert.equal((await ask('/x', headers)).body, '/x /other true');
});
