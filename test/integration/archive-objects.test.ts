// Archive objects over HTTP according to RFC 9110 sections 13 and 14: conditions, ranges, HEAD, and
// large objects, which are read no faster than the client takes them. curl, which resumes and
// revalidates by these rules, is tested as well.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { runProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';

const KEY = 'audio/hoshi/00/1.ogg';
const TEXT = 'OggS hoshi';

interface Site {
  server: TestServer;
  store: Store;
  url: string;
  authorization: string;
  get(headers?: Record<string, string>, method?: string): Promise<Response>;
}

async function openSite(t: TestContext, content: Uint8Array = Buffer.from(TEXT)): Promise<Site> {
  const server = await startTestServer(t, ['--roles', 'api']);
  const store = await openFsStore({ directory: server.archiveDirectory });
  cleanUp(t, () => store.close());
  await store.putIfAbsent(KEY, content);
  const url = `${server.url}/api/archive/objects/${KEY}`;
  const authorization = `Bearer ${await server.token({ moderate: ['hoshi'] })}`;
  const get = (headers = {}, method = 'GET') => fetch(url, { method, headers: { Authorization: authorization, ...headers } });
  return { server, store, url, authorization, get };
}

/** A header of an answer; fails if it is absent. */
const headerOf = (response: Response, name: string): string => {
  const value = response.headers.get(name);
  assert.ok(value !== null, `no ${name}`);
  return value;
};

test('an object is served with its validators, and as a download', async (t) => {
  const { get } = await openSite(t);
  const response = await get();
  assert.deepEqual([response.status, await response.text()], [200, TEXT]);
  assert.match(headerOf(response, 'etag'), /^"[^"]+"$/);
  assert.ok(Math.abs(Date.parse(headerOf(response, 'last-modified')) - Date.now()) < 3_600_000);
  for (const [name, value] of [
    ['content-type', 'audio/ogg'],
    ['content-length', '10'],
    ['accept-ranges', 'bytes'],
    ['cache-control', 'private, no-cache'],
    ['content-disposition', 'attachment; filename="1.ogg"'],
    ['x-content-type-options', 'nosniff'],
  ] as const)
    assert.equal(headerOf(response, name), value, name);
});

test('HEAD has the headers of GET without the bytes, and ignores ranges', async (t) => {
  const { get, server } = await openSite(t);
  const whole = await get();
  await whole.arrayBuffer();
  const read = await server.metric('hayate_store_read_bytes_total');
  for (const headers of [{}, { Range: 'bytes=0-3' }, { Range: 'bytes=99-' }]) {
    const head = await get(headers, 'HEAD');
    assert.deepEqual([head.status, await head.text()], [200, '']);
    for (const name of ['etag', 'last-modified', 'content-length', 'content-type', 'cache-control', 'accept-ranges'])
      assert.equal(headerOf(head, name), headerOf(whole, name), name);
  }
  assert.equal(await server.metric('hayate_store_read_bytes_total'), read, 'no bytes are read for it');
  assert.equal((await get({ 'If-None-Match': '*' }, 'HEAD')).status, 304);
  assert.equal((await get({ 'If-Match': '"other"' }, 'HEAD')).status, 412);
});

test('ranges are served as requested, and refused with the size if they lie outside', async (t) => {
  const { get } = await openSite(t);
  for (const [range, status, text, contentRange] of [
    ['bytes=0-3', 206, 'OggS', 'bytes 0-3/10'],
    ['bytes=5-', 206, 'hoshi', 'bytes 5-9/10'],
    ['bytes=-2', 206, 'hi', 'bytes 8-9/10'],
    ['bytes=8-99', 206, 'hi', 'bytes 8-9/10'],
    ['Bytes=0-1, 2-3', 206, 'OggS', 'bytes 0-3/10'],
    ['bytes=0-0,-1', 200, TEXT, null],
    ['bytes=3-1', 200, TEXT, null],
    ['pages=1-2', 200, TEXT, null],
  ] as const) {
    const response = await get({ Range: range });
    const body = await response.text();
    assert.deepEqual([response.status, body, response.headers.get('content-range')], [status, text, contentRange], range);
    assert.equal(headerOf(response, 'content-length'), String(text.length), range);
  }
  for (const range of ['bytes=10-', 'bytes=-0', 'bytes=99-100,200-']) {
    const response = await get({ Range: range });
    assert.deepEqual([response.status, headerOf(response, 'content-range')], [416, 'bytes */10'], range);
    assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'RANGE_NOT_SATISFIABLE');
  }
});

test('an empty object has no ranges', async (t) => {
  const { get } = await openSite(t, new Uint8Array());
  for (const [headers, status] of [
    [{}, 200],
    [{ Range: 'bytes=-5' }, 200],
    [{ Range: 'bytes=0-' }, 416],
  ] as const)
    assert.equal((await get(headers)).status, status, JSON.stringify(headers));
  assert.equal(headerOf(await get(), 'content-length'), '0');
});

test('a client with a current copy gets 304, until something is erased from the object', async (t) => {
  const { get, store } = await openSite(t);
  const first = await get();
  const [etag, modified] = [headerOf(first, 'etag'), headerOf(first, 'last-modified')];
  for (const headers of [{ 'If-None-Match': `"x", W/${etag}` }, { 'If-Modified-Since': modified }] as Record<string, string>[]) {
    const response = await get(headers);
    assert.deepEqual([response.status, await response.text(), headerOf(response, 'etag')], [304, '', etag]);
    assert.equal(headerOf(response, 'cache-control'), 'private, no-cache');
  }
  assert.equal((await get({ 'If-Match': etag, Range: 'bytes=0-3' })).status, 206);
  await store.replace(KEY, Buffer.from('OggS ?????'));
  const second = await get({ 'If-None-Match': etag });
  assert.deepEqual([second.status, await second.text()], [200, 'OggS ?????']);
  assert.notEqual(headerOf(second, 'etag'), etag);
  // The rest must not be joined to the part that was downloaded earlier.
  const resumed = await get({ Range: 'bytes=5-', 'If-Range': etag });
  assert.deepEqual([resumed.status, await resumed.text()], [200, 'OggS ?????']);
  assert.equal((await get({ Range: 'bytes=5-', 'If-Range': headerOf(second, 'etag') })).status, 206);
  const refused = await get({ Range: 'bytes=5-', 'If-Match': etag });
  assert.equal(refused.status, 412);
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'PRECONDITION_FAILED');
});

test('preconditions reveal nothing without permission, nor about missing objects', async (t) => {
  const { get, url, server } = await openSite(t);
  const stranger = `Bearer ${await server.token({ moderate: ['other'] })}`;
  for (const headers of [{ 'If-None-Match': '*' }, { 'If-Match': '"x"' }, { Range: 'bytes=99-' }] as Record<string, string>[]) {
    assert.equal((await get({ ...headers, Authorization: stranger })).status, 403);
    assert.equal((await get({ ...headers, Authorization: 'Bearer nonsense' })).status, 401);
    const missing = await fetch(url.replace('1.ogg', '2.ogg'), { headers: { Authorization: await headersOf(server), ...headers } });
    assert.equal(missing.status, 404);
  }
});

test('keys may be percent-encoded, and other keys are refused', async (t) => {
  const { url, authorization, server } = await openSite(t);
  const status = async (path: string, header = authorization) =>
    (await fetch(`${server.url}/api/archive/objects/${path}`, { headers: { Authorization: header } })).status;
  assert.ok(url.endsWith(KEY));
  for (const path of [encodeURIComponent(KEY), KEY.replace('hoshi', '%68oshi')]) assert.equal(await status(path), 200, path);
  const all = await headersOf(server);
  for (const path of ['audio/hoshi/%2e%2e/x', 'a%00b', '%zz', 'a//b', 'a%20b', 'audio/hoshi/00/1.ogg/'])
    assert.ok([400, 404].includes(await status(path, all)), path);
});

async function headersOf(server: TestServer): Promise<string> {
  return `Bearer ${await server.token({ moderate: ['*'] })}`;
}

test('curl resumes a broken download and revalidates its copy', async (t) => {
  const curl = requireTool(t, 'curl');
  if (curl === undefined) return;
  const content = randomBytes(3_000_000);
  const { url, authorization, store } = await openSite(t, content);
  const folder = tempDir(t);
  const [file, tag] = [join(folder, 'object'), join(folder, 'etag')];
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, lines } = await runProcess(
      t,
      ['-sS', '--fail', '-H', `Authorization: ${authorization}`, '-w', '%{http_code}', ...args, url],
      { executable: curl },
    );
    assert.equal(code, 0, lines.join('\n'));
    return stdout.join('');
  };
  writeFileSync(file, content.subarray(0, 1_234_567));
  assert.equal(await run('-C', '-', '-o', file), '206');
  assert.deepEqual(readFileSync(file), content);
  assert.equal(await run('--etag-save', tag, '-o', file), '200');
  assert.equal(await run('--etag-compare', tag, '-o', join(folder, 'again')), '304');
  assert.equal(await run('-z', file, '-o', join(folder, 'again')), '304');
  await store.replace(KEY, Buffer.from('less'));
  assert.equal(await run('--etag-compare', tag, '-o', join(folder, 'again')), '200');
  assert.equal(readFileSync(join(folder, 'again'), 'utf8'), 'less');
});

/** Begins a GET and does not read its body yet. */
async function begin(url: string, authorization: string): Promise<IncomingMessage> {
  const outgoing = request(url, { headers: { Authorization: authorization } }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

/** The metric, once it has been the same in many readings. */
async function settled(what: string, read: () => Promise<number>): Promise<number> {
  let [last, same] = [-1, 0];
  return poll(what, async () => {
    const value = await read();
    same = value === last && value > 0 ? same + 1 : 0;
    last = value;
    return same === 20 ? { value } : undefined;
  }).then(({ value }) => value);
}

test('a large object is read as its client takes it, and no further after the client left', async (t) => {
  const content = randomBytes(64 * 2 ** 20);
  const { server, url, authorization, get } = await openSite(t, content);
  const bytesRead = () => server.metric('hayate_store_read_bytes_total');
  const response = await begin(url, authorization);
  assert.equal(response.headers['content-length'], String(content.length));
  const read = await settled('the reading to wait for the client', bytesRead);
  assert.ok(read < content.length / 2, `${read} bytes were read for a client that takes none`);
  response.destroy();
  assert.equal(await settled('the reading to end', bytesRead), read);
  // Other clients still get all of it.
  const whole = Buffer.from(await (await get()).arrayBuffer());
  assert.equal(createHash('sha256').update(whole).digest('hex'), createHash('sha256').update(content).digest('hex'));
});

test('an object that is replaced while it is sent is cut off: no answer holds bytes of two states', async (t) => {
  const content = Buffer.alloc(64 * 2 ** 20, 'a');
  const { url, authorization, store, get } = await openSite(t, content);
  const response = await begin(url, authorization);
  await store.replace(KEY, Buffer.alloc(content.length, 'b'));
  let received = 0;
  const reading = (async () => {
    for await (const piece of response) {
      assert.ok(!(piece as Buffer).includes('b'));
      received += (piece as Buffer).length;
    }
  })();
  await assert.rejects(reading, { code: 'ECONNRESET' });
  assert.ok(received < content.length);
  assert.equal(Buffer.from(await (await get({ Range: 'bytes=0-3' })).arrayBuffer()).toString(), 'bbbb');
});
