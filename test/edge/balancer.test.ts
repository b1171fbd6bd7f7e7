// The server's behaviour towards load balancers: health checks see it up, and down while it drains;
// connections stay usable for longer than the balancers keep them; WebSockets pass.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PATHS } from '@hayate/protocol';
import { startHaproxy } from '../support/haproxy.ts';
import { startNginx } from '../support/nginx.ts';
import { poll } from '../support/poll.ts';
import { openRaw } from '../support/raw-http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

const ROLES = ['--roles', 'streamer,listener,api'];
const portOf = (url: string) => new URL(url).port;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Sends a frame from a broadcaster to a viewer, both through `front`. */
async function passesFrames(t: TestContext, front: string, { server, stream }: { server: TestServer; stream: string }): Promise<void> {
  const viewer = await connectPeer(t, front, PATHS.watch);
  viewer.send({ watch: { stream, token: await server.token({ watch: ['*'] }) } });
  const broadcaster = await connectPeer(t, front, PATHS.publish);
  broadcaster.send({ publish: { stream, token: await server.token({ publish: ['*'] }) } });
  const { epoch } = await broadcaster.until('Published', ({ published }) => published);
  const source = new FrameSource(stream, epoch);
  broadcaster.send({ frames: [source.header('Through a proxy'), source.key(), source.audio()] });
  await poll('the frames', () => viewer.frames().length === 3);
}

test("HAProxy's default check and its other checks find a server with any roles up", async (t) => {
  for (const roles of ['streamer,listener,api', 'archiver', 'api']) {
    const server = await startTestServer(t, ['--roles', roles]);
    for (const check of [
      'option httpchk',
      'option httpchk GET /readyz',
      'option httpchk HEAD /livez HTTP/1.1\\r\\nHost:\\ x',
      'option httpchk OPTIONS *',
    ]) {
      const haproxy = await startHaproxy(t, { backend: `${check}\nserver one 127.0.0.1:${portOf(server.url)} check inter 50ms` });
      if (haproxy === undefined) return;
      const isUp = async () => {
        const { check_status, status } = await haproxy.server('one');
        return check_status === 'L7OK' && status === 'UP';
      };
      await poll(`${check} to find the server up`, isUp);
    }
  }
});

test('a draining server is down for every check, answers with Connection: close, and takes no WebSocket', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--go-away-ms', '60s', '--drain-timeout-ms', '70s']);
  const backend = (check: string) => `${check}\nserver one 127.0.0.1:${portOf(server.url)} check inter 50ms fall 1`;
  const balancers = [
    await startHaproxy(t, { backend: backend('option httpchk') }),
    await startHaproxy(t, { backend: backend('option httpchk GET /readyz') }),
  ];
  if (balancers.includes(undefined)) return;
  for (const haproxy of balancers) await poll('the check', async () => (await haproxy?.server('one'))?.check_status === 'L7OK');
  const viewer = await connectPeer(t, server.url, PATHS.watch);
  viewer.send({ watch: { stream: 'hoshi', token: await server.token({ watch: ['*'] }) } });
  await viewer.until('Watching', ({ watching }) => watching);
  const kept = openRaw(t, server.url);
  assert.equal((await kept.ask(get('/readyz'))).headers.connection, 'keep-alive');

  const drained = server.drain();
  await viewer.until('GOAWAY', ({ goAway }) => goAway);
  for (const haproxy of balancers)
    await poll('the server to be down', async () => (await haproxy?.server('one'))?.status?.startsWith('DOWN'));
  const last = await kept.ask(get('/readyz'));
  assert.deepEqual([last.status, last.headers.connection], [503, 'close']);
  await kept.closed();
  assert.deepEqual(
    await openRaw(t, server.url)
      .ask(get('/livez'))
      .then(({ status, headers }) => [status, headers.connection]),
    [200, 'close'],
  );
  const upgrade = `GET ${PATHS.watch} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  assert.equal((await openRaw(t, server.url).ask(upgrade)).status, 503);
  viewer.close();
  await drained;
});

test('frames pass through nginx that passes the upgrade on, and through HAProxy', async (t) => {
  const server = await startTestServer(t, ROLES);
  const upgrade = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";';
  const nginx = await startNginx(t, { server: `location / { proxy_pass http://127.0.0.1:${portOf(server.url)}; ${upgrade} }` });
  if (nginx === undefined) return;
  await passesFrames(t, nginx.url, { server, stream: 'by-nginx' });
  const haproxy = await startHaproxy(t, { backend: `server one 127.0.0.1:${portOf(server.url)}` });
  if (haproxy === undefined) return;
  await passesFrames(t, haproxy.url, { server, stream: 'by-haproxy' });
});

test('nginx that does not pass the upgrade on gets an answer that explains it', async (t) => {
  const server = await startTestServer(t, ROLES);
  const nginx = await startNginx(t, { server: `location / { proxy_pass http://127.0.0.1:${portOf(server.url)}; }` });
  if (nginx === undefined) return;
  const answer = await fetch(`${nginx.url}${PATHS.watch}`);
  assert.equal(answer.status, 426);
  assert.match(await answer.text(), /proxy in front of it must pass on the headers Upgrade and Connection/);
});

test('a balancer that keeps connections gets no 502, however many requests it sends over one', async (t) => {
  const server = await startTestServer(t, ROLES);
  const nginx = await startNginx(t, {
    http: `upstream hayate { server 127.0.0.1:${portOf(server.url)}; keepalive 4; keepalive_timeout 60s; }`,
    server: 'location / { proxy_pass http://hayate; proxy_http_version 1.1; proxy_set_header Connection ""; }',
  });
  if (nginx === undefined) return;
  for (let request = 0; request < 100; request++) await (await fetch(`${nginx.url}/livez`)).text();
  const requests = nginx.requests();
  assert.equal(requests.length, 100);
  assert.deepEqual([...new Set(requests)], ['GET /livez HTTP/1.1 200 200']);
});

test('a connection stays open for longer than balancers keep theirs, or for as long as the flag says', async (t) => {
  for (const [flags, seconds] of [
    [[], 75],
    [['--keep-alive-timeout-ms', '2m'], 120],
  ] as const) {
    const server = await startTestServer(t, [...ROLES, '--handshake-timeout-ms', '100ms', '--internal-port', '0', ...flags]);
    for (const url of [server.url, server.internalUrl ?? '']) {
      const kept = openRaw(t, url);
      const path = url === server.url ? '/api/openapi.json' : '/livez';
      assert.equal((await kept.ask(get(path))).headers['keep-alive'], `timeout=${seconds}`);
      // A connection with half a request is closed by the request timeout, not by the keep-alive
      // timeout.
      const slow = openRaw(t, url);
      assert.equal((await slow.ask('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')).status, 408);
      await slow.closed();
      assert.equal(kept.isClosed(), false);
      assert.equal((await kept.ask(get(path))).status, 200);
    }
  }
  const short = await startTestServer(t, [...ROLES, '--keep-alive-timeout-ms', '100ms']);
  const idle = openRaw(t, short.url);
  assert.equal((await idle.ask(get('/livez'))).status, 200);
  await idle.closed();
});

test('connections that only wait make room for others before the server is full', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--connections-max', '20', '--internal-port', '0']);
  const waiting = Array.from({ length: 40 }, () => openRaw(t, server.url));
  for (const connection of waiting) connection.send(get('/api/openapi.json'));
  // More requests than there is room for: some are dropped, and all answered ones wait.
  await poll('answers or drops', async () => {
    const opened = await Promise.all(waiting.map((connection) => connection.isClosed() || connection.rest().length > 0));
    return opened.every(Boolean);
  });
  const viewers = [];
  for (let viewer = 0; viewer < 10; viewer++) {
    viewers.push(
      await poll('a place for a viewer', async () => {
        const peer = await connectPeer(t, server.url, PATHS.watch);
        return peer.closedWith() === undefined && peer;
      }),
    );
  }
  assert.ok(viewers.every((peer) => peer.closedWith() === undefined));
  assert.equal(await server.metric('hayate_connections', { endpoint: 'watch' }), 10);
});
