// Requests as old, odd and broken clients send them. Valid ones are answered whatever their form.
// Others are refused with a status that says why, never with a 500, and the server continues.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { lanCertificate } from '../../packages/server/src/gateway/certificate.ts';
import { poll } from '../support/poll.ts';
import { openRaw } from '../support/raw-http.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';

const API = ['--roles', 'streamer,listener,api'];

test('HTTP/1.0 needs no Host, and its connection is kept only if asked for', async (t) => {
  const server = await startTestServer(t, [...API, '--internal-port', '0']);
  for (const url of [server.url, server.internalUrl ?? '']) {
    const path = url === server.url ? '/api/openapi.json' : '/readyz';
    const once = openRaw(t, url);
    const answer = await once.ask(`GET ${path} HTTP/1.0\r\n\r\n`);
    assert.deepEqual([answer.status, answer.headers.connection], [200, 'close']);
    await once.closed();
    const kept = openRaw(t, url);
    for (const _ of [1, 2, 3]) {
      const { status, headers } = await kept.ask(`GET ${path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`);
      assert.deepEqual([status, headers.connection], [200, 'keep-alive']);
    }
    assert.equal((await openRaw(t, url).ask('OPTIONS / HTTP/1.0\r\n\r\n')).status, 204);
    assert.equal((await openRaw(t, url).ask('GET /nowhere HTTP/1.0\r\n\r\n')).status, 404);
  }
});

test('HTTP/1.1 and later need exactly one Host, in any valid form', async (t) => {
  const server = await startTestServer(t, API);
  const statusOf = async (headers: string, target = '/livez') =>
    (await openRaw(t, server.url).ask(`GET ${target} HTTP/1.1\r\n${headers}\r\n`)).status;
  for (const host of [
    ...['a.example', 'A.Example:8080', 'a.example.', 'a.example:', 'a.example:080', 'a_b.example', 'xn--wgv71a.example', '%61.example', ''],
    ...['127.0.0.1', '127.1', '2130706433', '[::1]', '[::1]:8080', '[0:0:0:0:0:0:0:1]:8080', '[::ffff:127.0.0.1]', '1.example', '7:80'],
  ])
    assert.equal(await statusOf(`Host: ${host}\r\n`), 200, host);
  for (const host of ['a b', 'a@b', 'a/b', 'a?b', 'a#b', 'a\\b', '[::1', '[a]', 'a:b', 'a:99999', '127.0.0.256', '%zz', 'a,b.example/'])
    assert.equal(await statusOf(`Host: ${host}\r\n`), 400, host);
  assert.equal(await statusOf(''), 400);
  assert.equal(await statusOf('Host: a\r\nHost: a\r\n'), 400);
  assert.equal(await statusOf('host: a\r\nHOST: b\r\n', 'http://a/livez'), 400);
});

test('a target may be absolute, and OPTIONS may ask about the server or a path', async (t) => {
  const server = await startTestServer(t, API);
  const ask = (line: string) => openRaw(t, server.url).ask(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
  for (const target of ['http://a.example/livez', 'HTTP://A.example:99/livez?a=/b', 'https://a/livez'])
    assert.equal((await ask(`GET ${target}`)).status, 200, target);
  assert.equal((await ask('GET http://a.example?x')).status, 200, 'the front page');
  for (const target of ['http:///livez', 'http://a b/livez', 'ftp://a/livez', 'livez', '*'])
    assert.equal((await ask(`GET ${target}`)).status, 400, target);
  for (const [target, allow] of [
    ['*', undefined],
    ['/livez', 'GET, HEAD, OPTIONS'],
    ['/api/streams', 'GET, HEAD, OPTIONS'],
    ['/api/streams/hoshi/end', 'POST, OPTIONS'],
    ['/dev/token', 'POST, OPTIONS'],
  ] as const) {
    const { status, headers, body } = await ask(`OPTIONS ${target}`);
    assert.deepEqual([status, body], [204, ''], target);
    if (allow !== undefined) assert.equal(headers.allow, allow);
  }
  assert.equal((await ask('OPTIONS /nowhere')).status, 404);
});

test('a method that a path lacks gets 405, an unknown method 501, and HEAD is GET without the body', async (t) => {
  const server = await startTestServer(t);
  const ask = (line: string) => openRaw(t, server.url).ask(`${line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
  for (const [line, allow] of [
    ['POST /livez', 'GET, HEAD, OPTIONS'],
    ['DELETE /api/streams', 'GET, HEAD, OPTIONS'],
    ['PATCH /dev/token', 'POST, OPTIONS'],
    ['PUT /', 'GET, HEAD, OPTIONS'],
    ['GET /dev/token', 'POST, OPTIONS'],
    ['POST /studio', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const { status, headers } = await ask(line);
    assert.deepEqual([status, headers.allow], [405, allow], line);
  }
  assert.equal((await ask('POST /nowhere')).status, 404);
  for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'HAYATE', 'get', 'CONNECT'])
    assert.equal((await ask(`${method} /livez`)).status, 501, method);
  for (const path of ['/', '/livez', '/readyz', '/metrics', '/api/openapi.json', '/api/streams', '/nowhere', '/publish']) {
    const raw = openRaw(t, server.url);
    const get = await raw.ask(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    raw.send(`HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const head = await raw.response({ hasBody: false });
    assert.deepEqual([head.status, head.headers['content-type']], [get.status, get.headers['content-type']], path);
    assert.equal((await raw.ask('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')).body, 'ok\n', 'no body followed the answer to HEAD');
  }
});

test('targets and headers that are too long or have invalid escapes get a 4xx', async (t) => {
  const server = await startTestServer(t);
  const ask = (request: string) => openRaw(t, server.url).ask(`${request}\r\n`);
  const long = 'a'.repeat(20_000);
  assert.equal((await ask(`GET /${long} HTTP/1.1\r\nHost: x\r\n`)).status, 414);
  const pieces = openRaw(t, server.url);
  pieces.send(`GET /${long.slice(0, 10_000)}`);
  assert.equal((await pieces.ask(`${long} HTTP/1.1\r\nHost: x\r\n\r\n`)).status, 414);
  assert.equal((await ask(`GET /livez HTTP/1.1\r\nHost: x\r\nCookie: ${long}\r\n`)).status, 431);
  const headers = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: 1\r\n`).join('');
  assert.equal((await ask(`GET /livez HTTP/1.1\r\nHost: x\r\n${headers(99)}`)).status, 200);
  assert.equal((await ask(`GET /livez HTTP/1.1\r\nHost: x\r\n${headers(100)}`)).status, 431);
  for (const path of [
    '/%',
    '/%zz',
    '/%00',
    '/%ff',
    '/%c0%af',
    '/a%2fb',
    '/%2e%2e/%2e%2e/x',
    '/watch/%',
    '/watch/%ff',
    `/${'%41'.repeat(4_000)}`,
    '//',
    '/a\\b',
    '/..',
    '/?%',
  ])
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
      const raw = openRaw(t, server.url);
      raw.send(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
      const { status } = await raw.response({ hasBody: method !== 'HEAD' });
      assert.ok(status < 500, `${method} ${path.slice(0, 40)}: ${status}`);
    }
  for (const path of ['/api/streams/%', '/api/streams/%ff', '/api/archive/objects/%00', '/api/archive/objects/%ff%2f'])
    assert.ok([400, 401, 404].includes((await ask(`GET ${path} HTTP/1.1\r\nHost: x\r\n`)).status), path);
});

test('bytes that are not an HTTP/1.1 request get an answer that names their likely protocol, are counted, and the socket is closed', async (t) => {
  const server = await startTestServer(t, [...API, '--log-level', 'silent']);
  const hello = Buffer.from('16030100a5010000a10303', 'hex');
  const proxyV2 = Buffer.from('0d0a0d0a000d0a515549540a2111000c7f0000017f00000100500050', 'hex');
  for (const [bytes, status, code] of [
    [hello, 400, 'TLS_ON_HTTP_PORT'],
    ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'PROXY_PROTOCOL'],
    [proxyV2, 400, 'PROXY_PROTOCOL'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'HTTP_VERSION'],
    ['GET / HTTP/2.0\r\nHost: x\r\n\r\n', 505, 'HTTP_VERSION'],
    ['GET / HTTP/1.2\r\nHost: x\r\n\r\n', 505, 'HTTP_VERSION'],
    ['GET / SIP/2.0\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    ['HAYATE / HTTP/1.1\r\nHost: x\r\n\r\n', 501, 'METHOD'],
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd', 400, 'MALFORMED_REQUEST'],
    ['GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    ['GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    ['\xe3\x81\x82 / HTTP/1.1\r\n\r\n', 400, 'MALFORMED_REQUEST'],
  ] as const) {
    const raw = openRaw(t, server.url);
    const answer = await raw.ask(bytes);
    assert.equal(answer.status, status, String(bytes));
    assert.equal((JSON.parse(answer.body) as { error: { code: string } }).error.code, code, String(bytes));
    // Our end stays open, like that of a client that hangs.
    await raw.closed();
  }
  assert.equal(await server.metric('hayate_upgrades_refused_total', { reason: 'proxy_protocol' }), 2);
  assert.equal((await openRaw(t, server.url).ask('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')).status, 200);
});

test('bytes after a whole request that are not a request do not spoil its answer', async (t) => {
  const server = await startTestServer(t, API);
  const raw = openRaw(t, server.url);
  assert.equal((await raw.ask('GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01')).status, 200);
  await raw.closed();
});

test('plain HTTP on a TLS port is closed and counted, and the port stays open', async (t) => {
  const folder = tempDir(t);
  await lanCertificate(folder, []);
  const [cert, key] = [join(folder, 'lan-certificate.pem'), join(folder, 'lan-key.pem')];
  const server = await startTestServer(t, [...API, '--internal-port', '0', '--tls-cert', cert, '--tls-key', key]);
  const raw = openRaw(t, server.url.replace('https', 'http'));
  raw.send('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
  await raw.closed();
  assert.equal(await server.metric('hayate_upgrades_refused_total', { reason: 'http_on_tls_port' }), 1);
  const old = connectTls({
    port: Number(new URL(server.url).port),
    host: '127.0.0.1',
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
    rejectUnauthorized: false,
  });
  old.on('error', () => undefined);
  await poll('the failed handshake', async () => (await server.metric('hayate_upgrades_refused_total', { reason: 'tls_handshake' })) === 1);
  old.destroy();
  assert.equal((await openRaw(t, server.url).ask('GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n')).status, 200);
});
