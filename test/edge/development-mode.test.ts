// Development mode behind programs that make remote clients look local: reverse proxies as their
// manuals configure them, tunnels that forward bytes, other sites. No client gets a token through
// them, whatever its request says; on this machine every client gets one.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { cleanUp } from '../support/clean-up.ts';
import { freePort } from '../support/free-port.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { runHayate } from '../support/hayate.ts';
import { requireIpv6 } from '../support/network.ts';
import { startNginx } from '../support/nginx.ts';
import { openRaw } from '../support/raw-http.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROLES = ['--roles', 'streamer,listener,api'];
const run = promisify(execFile);

/** Requests as an attacker writes them, to look like a program on the server's own machine. */
const guises = (server: TestServer): Record<string, string> => {
  const local = new URL(server.url).host;
  return {
    unchanged: 'Host: victim.example\r\n',
    'with the name of the machine': `Host: ${local}\r\n`,
    'with the address of the machine': 'Host: 127.0.0.1\r\n',
    'as a local page': `Host: ${local}\r\nOrigin: http://${local}\r\nSec-Fetch-Site: same-origin\r\n`,
    'from its site': 'Host: victim.example\r\nOrigin: http://victim.example\r\nSec-Fetch-Site: same-origin\r\n',
    'with headers that hide others': `Host: ${local}\r\n${Array.from({ length: 110 }, (_, i) => `X-${i}: 1\r\n`).join('')}`,
    'that name headers to be removed': `Host: ${local}\r\nConnection: X-Forwarded-For, Via, X-Real-IP, close\r\n`,
  };
};

const BODY = '{"grants":{"moderate":["*"],"publish":["*"],"watch":["*"]}}';
const request = (headers: string, version = 'HTTP/1.1') =>
  `POST /dev/token ${version}\r\n${headers}Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

/** Asserts that no guise gets a token from the server at `url`. */
async function givesNothing(t: TestContext, url: string, server: TestServer): Promise<void> {
  for (const [guise, headers] of Object.entries(guises(server)))
    for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
      const { status, body } = await openRaw(t, url).ask(request(headers, version));
      assert.notEqual(status, 200, guise);
      assert.doesNotMatch(body, /"token"/, guise);
    }
}

test('no client gets a token through nginx with its defaults, for WebSockets, with the headers of its manual or with Host passed on', async (t) => {
  const server = await startTestServer(t, ROLES);
  const pass = `proxy_pass http://127.0.0.1:${new URL(server.url).port};`;
  const webSocket = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";';
  for (const location of [
    pass,
    `${pass} ${webSocket}`,
    `${pass} ${webSocket} proxy_set_header Host $host;`,
    `${pass} ${webSocket} proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`,
    `${pass} proxy_http_version 1.1; proxy_set_header Host localhost; proxy_set_header Origin "";`,
  ]) {
    const nginx = await startNginx(t, { server: `location / { ${location} }` });
    if (nginx === undefined) return;
    await givesNothing(t, nginx.url, server);
    assert.equal((await fetch(`${nginx.url}/livez`)).status, 200, 'other requests pass');
  }
});

test('no client gets a token through HAProxy, which passes Host on, in HTTP or TCP mode', async (t) => {
  const server = await startTestServer(t, ROLES);
  for (const defaults of ['', 'option forwardfor', 'option http-server-close', 'mode tcp']) {
    const haproxy = await startHaproxy(t, { defaults, backend: `server one 127.0.0.1:${new URL(server.url).port}` });
    if (haproxy === undefined) return;
    await givesNothing(t, haproxy.url, server);
    assert.equal((await fetch(`${haproxy.url}/livez`)).status, 200);
  }
});

/**
 * Forwards bytes to a server, as ssh -R, kubectl port-forward and tunnels do. Resolves to its
 * address.
 */
async function startTunnel(t: TestContext, server: TestServer): Promise<string> {
  const tunnel = createServer((client) => {
    const upstream = connect(Number(new URL(server.url).port), '127.0.0.1');
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          client.destroy();
          upstream.destroy();
        });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  tunnel.listen(0, '127.0.0.1', resolve);
  await promise;
  cleanUp(t, () => void tunnel.close());
  const address = tunnel.address();
  if (address === null || typeof address === 'string') throw new Error('the tunnel has no port');
  return `http://127.0.0.1:${address.port}`;
}

test('through a TCP tunnel only the pairing code gives a token', async (t) => {
  const server = await startTestServer(t, ROLES);
  const tunnel = await startTunnel(t, server);
  await givesNothing(t, tunnel, server);
  const pair = new URL(server.pairedUrl ?? '').hash.replace('#pair=', '');
  const body = JSON.stringify({ grants: { publish: ['*'] }, pair });
  const answer = await fetch(`${tunnel}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /"token"/);
});

test('on this machine a program gets a token by following the redirect, under every name of the machine', async (t) => {
  const server = await startTestServer(t, ROLES);
  const { port } = new URL(server.url);
  for (const host of ['localhost', '127.0.0.1']) {
    const answer = await fetch(`http://${host}:${port}/dev/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: BODY,
    });
    assert.deepEqual([answer.status, answer.redirected], [200, true]);
    assert.match(await answer.text(), /"token"/);
  }
  const curl = requireTool(t, 'curl');
  if (curl === undefined) return;
  const args = ['-s', '-H', 'Content-Type: application/json', '-d', BODY, `${server.url}/dev/token`];
  assert.match((await run(curl, ['-L', ...args])).stdout, /"token"/);
  assert.match((await run(curl, args)).stdout, /follow the redirect/);
});

test('a server on IPv6 loopback has its token port there, for programs and for pages', async (t) => {
  if (!requireIpv6(t)) return;
  const server = await startTestServer(t, [...ROLES, '--host', '::1']);
  const { port } = new URL(server.url);
  const url = `http://[::1]:${port}/dev/token`;
  const headers = { 'Content-Type': 'application/json' };
  const program = await fetch(url, { method: 'POST', headers, body: BODY });
  assert.deepEqual([program.status, new URL(program.url).hostname], [200, '[::1]']);
  const page = await fetch(url, {
    method: 'POST',
    headers: { ...headers, Origin: `http://localhost:${port}` },
    body: BODY,
    redirect: 'manual',
  });
  assert.match(page.headers.get('Location') ?? '', /^http:\/\/localhost:\d+\/dev\/token$/);
});

test('the token port is open only to this machine, and closes with the server', async (t) => {
  const server = await startTestServer(t, ROLES);
  const first = await openRaw(t, server.url).ask(request('Host: localhost\r\n'));
  const tokenPort = new URL(first.headers.location ?? '');
  assert.equal(tokenPort.hostname, '127.0.0.1');
  for (const path of ['/', '/livez', '/metrics', '/api/streams', '/dev/token'])
    assert.equal(
      (await openRaw(t, tokenPort.origin).ask(`GET ${path} HTTP/1.1\r\nHost: ${tokenPort.host}\r\n\r\n`)).status,
      path === '/dev/token' ? 405 : 404,
      path,
    );
  await server.drain();
  await assert.rejects(fetch(tokenPort));
});

test('the command line says what to do if it cannot reach the token port', async (t) => {
  // A server elsewhere, as far as a client can tell: its token port is closed.
  const closed = await freePort();
  const { promise, resolve } = Promise.withResolvers<void>();
  const elsewhere = createHttpServer((_request, response) =>
    response.writeHead(307, { Location: `http://127.0.0.1:${closed}/dev/token` }).end(),
  );
  elsewhere.listen(0, '127.0.0.1', resolve);
  await promise;
  cleanUp(t, () => void elsewhere.close());
  const { port } = elsewhere.address() as AddressInfo;
  const { code, stderr } = await runHayate(t, [
    'watch',
    'hoshi',
    '--out',
    join(tempDir(t), 'a.ogg'),
    '--server',
    `http://127.0.0.1:${port}`,
  ]);
  assert.equal(code, 1);
  assert.match(stderr.at(-1) ?? '', /gives tokens only on its own machine; give one with --token or --token-file/);
});
