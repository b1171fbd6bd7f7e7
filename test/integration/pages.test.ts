// The pages as files over HTTP: from a real server with built pages, under any path, in a coding
// that the client accepts.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ensurePages } from '../../scripts/pages.mjs';
import { root, runProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** Sends only the given headers. fetch would decode, and send its own Accept-Encoding. */
const ask = (url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing = get(url, { headers, method, agent: false }, (response) => {
      response
        .toArray()
        .then((pieces) => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }), reject);
    });
    outgoing.on('error', reject);
  });

async function openPages(t: TestContext, flags: readonly string[] = []): Promise<{ url: string; script: string }> {
  await ensurePages(process.execPath);
  const { url } = await startTestServer(t, ['--roles', 'api', ...flags]);
  const html = (await ask(`${url}/`)).body.toString();
  const script = /src="\.\/(assets\/index-[\w-]+\.js)"/.exec(html)?.[1];
  assert.ok(script !== undefined, html);
  return { url, script };
}

test('the script is compressed as the client prefers, decompresses to the same bytes, and may be cached forever', async (t) => {
  const { url, script } = await openPages(t);
  const plain = readFileSync(join(root, 'packages/web/dist/product', script));
  const tags = new Set<unknown>();
  for (const [accept, coding, decode] of [
    [undefined, undefined, (bytes: Buffer) => bytes],
    ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
    ['gzip, deflate', 'gzip', gunzipSync],
    ['gzip;q=0.5, br;q=0.1', 'gzip', gunzipSync],
    ['br;q=0, *', 'gzip', gunzipSync],
    ['identity;q=0, br', 'br', brotliDecompressSync],
    ['deflate', undefined, (bytes: Buffer) => bytes],
  ] as const) {
    const { status, headers, body } = await ask(`${url}/${script}`, accept === undefined ? {} : { 'Accept-Encoding': accept });
    assert.deepEqual([status, headers['content-encoding']], [200, coding], String(accept));
    assert.ok(decode(body).equals(plain), String(accept));
    assert.ok(coding === undefined || body.length < plain.length / 2);
    assert.equal(headers['content-length'], String(body.length));
    assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
    assert.match(headers.vary ?? '', /\bAccept-Encoding\b/);
    tags.add(headers.etag);
  }
  assert.equal(tags.size, 3, 'an entity tag for each coding');
  const refused = await ask(`${url}/${script}`, { 'Accept-Encoding': 'identity;q=0' });
  assert.deepEqual([refused.status, refused.headers['cache-control']], [406, 'no-store']);
});

test('curl decodes the compressed answers', async (t) => {
  const curl = requireTool(t, 'curl');
  if (curl === undefined) return;
  const { url, script } = await openPages(t);
  const size = statSync(join(root, 'packages/web/dist/product', script)).size;
  const { stdout } = await runProcess(
    t,
    ['-sS', '--compressed', '-o', '/dev/null', '-w', '%{size_download} %header{content-encoding}', `${url}/${script}`],
    {
      executable: curl,
    },
  );
  const [bytes, coding] = stdout.join('').split(' ');
  assert.ok(Number(bytes) < size / 2, `${bytes} of ${size}`);
  assert.match(coding ?? '', /^(br|gzip)$/);
});

test('a body that the client has is not sent again, and HEAD and ranges refer to the chosen coding', async (t) => {
  const { url, script } = await openPages(t);
  for (const [path, accept] of [
    [`/${script}`, 'br'],
    [`/${script}`, 'gzip'],
    ['/icon.svg', 'br'],
    ['/', 'br'],
    ['/watch/hoshi', ''],
  ] as const) {
    const encoding = { 'Accept-Encoding': accept };
    const whole = await ask(url + path, encoding);
    assert.equal(whole.status, 200, path);
    const again = await ask(url + path, { ...encoding, 'If-None-Match': whole.headers.etag ?? '' });
    assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, whole.headers.etag], path);
    assert.equal(again.headers['cache-control'], whole.headers['cache-control']);
    const head = await ask(url + path, encoding, 'HEAD');
    assert.deepEqual([head.status, head.body.length, head.headers['content-length']], [200, 0, String(whole.body.length)], path);
    const part = await ask(url + path, { ...encoding, Range: 'bytes=10-19', 'If-Range': whole.headers.etag ?? '' });
    assert.deepEqual([part.status, part.headers['content-range']], [206, `bytes 10-19/${whole.body.length}`]);
    assert.ok(part.body.equals(whole.body.subarray(10, 20)), path);
  }
  assert.equal((await ask(`${url}/`)).headers['cache-control'], 'no-cache');
  assert.equal((await ask(`${url}/icon.svg`)).headers['content-type'], 'image/svg+xml');
  assert.equal((await ask(`${url}/favicon.ico`)).headers['content-type'], 'image/svg+xml');
});

test('every page refers to its parts by relative URLs, and a trailing slash changes nothing', async (t) => {
  const { url, script } = await openPages(t);
  for (const path of [
    '/',
    '/studio',
    '/studio/',
    '/watch/hoshi',
    '/watch/hoshi/',
    '/past',
    '/past/',
    '/past/hoshi/0198f3c2a7b00a5f',
    '/nowhere/at/all',
    '/a%2Fb/c',
  ]) {
    const { status, headers, body } = await ask(url + path, { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    const isMissing = /nowhere|%2F/.test(path);
    assert.equal(status, isMissing ? 404 : 200, path);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    const html = body.toString();
    const addresses = [...html.matchAll(/(?:src|href|content)="(\.[^"]*)"/g)].map(([, address = '']) => address);
    assert.ok(addresses.length >= 4, html);
    for (const prefix of ['', '/hayate', '/a/b'])
      for (const address of addresses)
        assert.match(
          new URL(address, `http://host${prefix}${path}`).pathname,
          new RegExp(`^${prefix}/($|icon.svg$|assets/)`),
          `${address} at ${path}`,
        );
    assert.ok(html.includes(script));
    assert.equal(html.includes('content="missing"'), isMissing);
    assert.match(headers['content-security-policy'] as string, /base-uri 'none'/);
  }
});

test("a proxy's header about the removed prefix is used if it is a valid prefix", async (t) => {
  const { url, script } = await openPages(t);
  const { headers, body } = await ask(`${url}/`, { 'X-Forwarded-Prefix': '/hayate' });
  assert.ok(body.toString().includes(`src="/hayate/${script}"`));
  assert.match(headers.vary ?? '', /X-Forwarded-Prefix/);
  for (const bad of ['//evil.example', 'https://evil.example', '/a"><script>', '/..', '/a b'])
    assert.ok((await ask(`${url}/`, { 'X-Forwarded-Prefix': bad })).body.toString().includes(`src="./${script}"`), bad);
  const { servers } = JSON.parse((await ask(`${url}/api/openapi.json`, { 'X-Forwarded-Prefix': '/hayate' })).body.toString());
  assert.deepEqual(servers, [{ url: '/hayate' }]);
});

test('a program that asks for a missing path gets a machine-readable error that may not be cached', async (t) => {
  const { url } = await openPages(t);
  for (const [path, accept] of [
    ['/assets/index-OfAnOldBuild.js', '*/*'],
    ['/assets/index-OfAnOldBuild.js', 'text/html'],
    ['/api/nothing', 'text/html'],
    ['/nowhere', '*/*'],
    ['/nowhere', 'application/json, text/html;q=0'],
    ['/assets/../index.html', '*/*'],
    ['/assets/%2e%2e/%2e%2e/package.json', '*/*'],
    ['/.source-hash', '*/*'],
    ['/assets', '*/*'],
  ] as const) {
    const { status, headers, body } = await ask(url + path, { Accept: accept });
    if (path.includes('index.html')) continue;
    assert.deepEqual([status, headers['content-type'], headers['cache-control']], [404, 'application/json', 'no-store'], path);
    assert.equal(JSON.parse(body.toString()).error.code, 'NOT_FOUND');
  }
});

test('long answers of the API are compressed; short ones and tokens are not', async (t) => {
  const { url } = await openPages(t);
  const encoding = { 'Accept-Encoding': 'gzip, br' };
  for (const path of ['/api/openapi.json', '/metrics']) {
    const { headers, body } = await ask(url + path, encoding);
    assert.equal(headers['content-encoding'], 'br', path);
    assert.match(headers.vary ?? '', /Accept-Encoding/);
    assert.ok(brotliDecompressSync(body).length > 2 * body.length);
    assert.equal((await ask(url + path)).headers['content-encoding'], undefined);
  }
  const first = await ask(`${url}/api/openapi.json`, encoding);
  assert.equal((await ask(`${url}/api/openapi.json`, { ...encoding, 'If-None-Match': first.headers.etag ?? '' })).status, 304);
  assert.equal((await ask(`${url}/livez`, encoding)).headers['content-encoding'], undefined);
  const grants = { watch: Array.from({ length: 90 }, (_, i) => `a-stream-with-a-long-name-${i}`) };
  const token = await fetch(`${url}/dev/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ grants }),
  });
  assert.ok((await token.text()).length > 1_024);
  assert.deepEqual([token.headers.get('content-encoding'), token.headers.get('cache-control')], [null, 'no-store']);
});

test('every route answers below a base path, and also without it', async (t) => {
  const { url, script } = await openPages(t, ['--base-path', 'hayate/']);
  const { origin, pathname } = new URL(url);
  assert.equal(pathname, '/hayate');
  for (const base of [url, origin]) {
    for (const path of ['/', '/studio', `/${script}`, '/icon.svg', '/livez', '/readyz', '/metrics', '/api/openapi.json'])
      assert.equal((await ask(base + path)).status, 200, base + path);
    assert.deepEqual(JSON.parse((await ask(`${base}/api/openapi.json`)).body.toString()).servers, [{ url: '/hayate' }]);
  }
  const bare = await ask(`${url}?debug`);
  assert.deepEqual([bare.status, bare.headers.location], [308, 'hayate/?debug']);
});

test('the addresses for the local network lie below the base path', async (t) => {
  const server = await startTestServer(t, ['--roles', 'api', '--lan', '--base-path', '/a/b']);
  assert.match(server.url, /^https:\/\/localhost:\d+\/a\/b$/);
  for (const url of server.lanUrls) assert.match(url, /^https:\/\/[\d.]+:\d+\/a\/b\/#pair=[\w-]{11}$/);
});

test('every path that answers GET answers HEAD', async (t) => {
  const { url } = await openPages(t);
  for (const path of ['/', '/watch/hoshi', '/icon.svg', '/livez', '/readyz', '/metrics', '/api/openapi.json', '/api/streams', '/nowhere']) {
    const [head, whole] = [await ask(url + path, {}, 'HEAD'), await ask(url + path)];
    assert.deepEqual([head.status, head.body.length, head.headers['content-type']], [whole.status, 0, whole.headers['content-type']], path);
  }
});

test('an invalid base path is refused', async (t) => {
  await assert.rejects(startTestServer(t, ['--base-path', '/a/../b']), { code: 'CONFIGURATION', message: /--base-path/ });
});

test('the pages of a demonstration are in its own build and not in the product', async () => {
  await ensurePages(process.execPath);
  await ensurePages(process.execPath, 'demo');
  const demoFiles = (kind: string) =>
    readdirSync(join(root, 'packages/web/dist', kind, 'assets')).filter((name) => /^scale-page-.*\.(js|css)$/.test(name));
  assert.deepEqual([demoFiles('product').length, demoFiles('demo').length], [0, 2]);
});
