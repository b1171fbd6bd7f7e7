// Handling of `Upgrade`: WebSocket handshakes at their endpoints are accepted, or refused with a
// reason; any other upgrade is ignored.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { PATHS, SUBPROTOCOL } from '@hayate/protocol';
import { openRaw, type RawConnection } from '../support/raw-http.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';

const ROLES = ['--roles', 'streamer,listener,api'];
/** As java.net.http.HttpClient sends it with every first request. */
const JAVA =
  'Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAABgAGAAA\r\nUpgrade: h2c\r\nUser-Agent: Java-http-client/17.0.18\r\n';
const IGNORED = {
  "Java's": JAVA,
  'several in one list': 'Connection: Upgrade\r\nUpgrade: h2c, TLS/1.0\r\n',
  'several headers': 'Connection: upgrade\r\nUpgrade: TLS/1.0\r\nUpgrade: h2c\r\n',
  'odd case': 'CONNECTION: UpGrAdE\r\nUPGRADE: H2C\r\n',
  'an empty one': 'Connection: Upgrade\r\nUpgrade:\r\n',
  'a WebSocket where there is none': 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
};

/** Asserts that the connection is still usable and that nothing else arrived. */
async function goesOn(raw: RawConnection): Promise<void> {
  assert.deepEqual(await raw.ask('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n').then(({ status, body }) => [status, body]), [200, 'ok\n']);
  assert.equal(raw.rest(), '');
}

test('an Upgrade to another protocol is ignored on the public and the internal port, and the connection stays open', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--internal-port', '0']);
  assert.ok(server.internalUrl);
  for (const [name, headers] of Object.entries(IGNORED)) {
    const raw = openRaw(t, server.internalUrl);
    const livez = await raw.ask(`GET /livez HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
    assert.deepEqual([livez.status, livez.body, livez.headers.upgrade], [200, 'ok\n', undefined], name);
    await goesOn(raw);
    const api = openRaw(t, server.url);
    for (const _ of [1, 2]) assert.equal((await api.ask(`GET /api/streams HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)).status, 401, name);
    assert.equal((await api.ask(`GET /nowhere HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)).status, 404, name);
  }
});

test('a request with a body that offers h2c is read whole: in one packet, in pieces, chunked, and after 100-continue', async (t) => {
  const server = await startTestServer(t, ROLES);
  const pair = new URL(server.pairedUrl ?? '').hash.replace('#pair=', '');
  const body = JSON.stringify({ grants: { watch: ['*'] }, pair });
  const head = (more: string) => `POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${JAVA}${more}\r\n`;
  const length = `Content-Length: ${body.length}\r\n`;
  const sendings: Record<string, (raw: RawConnection) => void | Promise<void>> = {
    whole: (raw) => raw.send(head(length) + body),
    'in pieces': (raw) => {
      raw.send(head(length));
      for (const character of body) raw.send(character);
    },
    chunked: (raw) => raw.send(`${head('Transfer-Encoding: chunked\r\n')}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`),
    'after 100-continue': async (raw) => {
      assert.equal((await raw.ask(head(`Expect: 100-continue\r\n${length}`))).status, 100);
      raw.send(body);
    },
  };
  for (const [name, send] of Object.entries(sendings)) {
    const raw = openRaw(t, server.url);
    await send(raw);
    const { status, body: answer } = await raw.response();
    assert.equal(status, 200, name);
    assert.match(answer, /"token"/);
    await goesOn(raw);
  }
});

test('curl --http2 reads every route in HTTP/1.1', async (t) => {
  const curl = requireTool(t, 'curl');
  if (curl === undefined) return;
  const server = await startTestServer(t);
  const run = promisify(execFile);
  for (const [path, expected] of [
    ['/livez', '200 1.1'],
    ['/api/openapi.json', '200 1.1'],
    ['/api/streams', '401 1.1'],
    ['/nowhere', '404 1.1'],
  ] as const) {
    const { stdout }: { stdout: string } = await run(curl, [
      '-s',
      '--http2',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{http_version}',
      `${server.url}${path}`,
    ]);
    assert.equal(stdout, expected, path);
  }
  const token = [
    '-s',
    '-L',
    '--http2',
    '-H',
    'Content-Type: application/json',
    '-d',
    '{"grants":{"watch":["*"]}}',
    `${server.url}/dev/token`,
  ];
  assert.match((await run(curl, token)).stdout, /"token"/);
});

interface Handshake {
  path?: string;
  start?: string;
  upgrade?: string;
  version?: string;
  key?: string;
  protocol?: string;
}

const handshake = ({ path = PATHS.watch, start, upgrade = 'websocket', version, key, protocol = SUBPROTOCOL }: Handshake = {}) =>
  [
    start ?? `GET ${path} HTTP/1.1\r\nHost: x\r\n`,
    `Connection: keep-alive, Upgrade\r\nUpgrade: ${upgrade}\r\n`,
    version ?? 'Sec-WebSocket-Version: 13\r\n',
    key ?? 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
    `Sec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  ].join('');

test('a WebSocket opens with every form of handshake that RFC 6455 allows', async (t) => {
  const server = await startTestServer(t, ROLES);
  for (const request of [
    handshake(),
    handshake({ upgrade: 'WebSocket' }),
    handshake({ upgrade: 'h2c, websocket' }),
    handshake({ protocol: `other, ${SUBPROTOCOL}` }),
    handshake({ path: PATHS.publish }),
    handshake({ start: `GET http://any.example${PATHS.watch} HTTP/1.1\r\nHost: x\r\n` }),
  ]) {
    const { status, headers } = await openRaw(t, server.url).ask(request);
    assert.deepEqual([status, headers['sec-websocket-protocol']], [101, SUBPROTOCOL], request);
  }
});

async function refused(t: TestContext, url: string, request: string) {
  const { status, headers, body } = await openRaw(t, url).ask(request);
  return { status, headers, code: (JSON.parse(body) as { error: { code: string } }).error.code };
}

test('a handshake that cannot succeed gets a status that says why, and is counted', async (t) => {
  const server = await startTestServer(t, ROLES);
  for (const version of ['8', '14', '0', 'x', '13, 8']) {
    const { status, headers, code } = await refused(t, server.url, handshake({ version: `Sec-WebSocket-Version: ${version}\r\n` }));
    assert.deepEqual([status, code, headers['sec-websocket-version'], headers.upgrade], [426, 'WEBSOCKET_VERSION', '13', 'websocket']);
  }
  assert.equal((await refused(t, server.url, handshake({ version: '' }))).headers['sec-websocket-version'], '13');
  for (const bad of [{ version: '' }, { key: '' }, { key: 'Sec-WebSocket-Key: short\r\n' }])
    assert.deepEqual((await refused(t, server.url, handshake(bad))).code, 'MALFORMED_HANDSHAKE');
  assert.equal(await server.metric('hayate_upgrades_refused_total', { reason: 'websocket_version' }), 5);
  assert.equal(await server.metric('hayate_upgrades_refused_total', { reason: 'malformed_handshake' }), 4);
});

test('a plain GET of a WebSocket endpoint gets 426, and another method 405', async (t) => {
  const server = await startTestServer(t, ROLES);
  for (const path of [PATHS.publish, PATHS.watch]) {
    for (const start of [`GET ${path}?a HTTP/1.1\r\nHost: x\r\n`, `GET ${path} HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Version: 13\r\n`]) {
      const { status, headers } = await refused(t, server.url, `${start}\r\n`);
      assert.deepEqual([status, headers.upgrade], [426, 'websocket'], start);
    }
    // RFC 9110 section 7.8: an Upgrade in HTTP/1.0 is ignored.
    assert.equal((await refused(t, server.url, handshake({ start: `GET ${path} HTTP/1.0\r\n` }))).status, 426);
    assert.equal((await refused(t, server.url, `GET ${path} HTTP/1.1\r\nHost: x\r\n${JAVA}\r\n`)).status, 426);
    const post = await refused(t, server.url, handshake({ start: `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n` }));
    assert.deepEqual([post.status, post.headers.allow], [405, 'GET']);
  }
});
