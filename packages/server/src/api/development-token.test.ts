// Who gets which tokens in development mode. It depends on the address a request comes from, its
// headers, and the pairing code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretKeys } from '../auth/key-source.ts';
import { createVerifyToken } from '../auth/verify-token.ts';
import { createContext } from '../kernel/context.ts';
import { createApplication } from './api.ts';
import { addDevelopmentToken } from './development-token.ts';
import { addTokenPort } from './development-token-port.ts';

const secret = Buffer.alloc(32, 3);
const AUTHORITY = '127.0.0.1:41234';
const TOKEN_PORT = { program: AUTHORITY, page: AUTHORITY };
const publish = { grants: { publish: ['*'] } };

interface Asked {
  tokenPort?: boolean;
  from?: string;
  headers?: Record<string, string>;
  pairingCode?: string | undefined;
  method?: string;
}

/**
 * Asks the public port or the token port. Resolves to the status, the headers, and the grants of
 * the token, if one is issued.
 */
async function ask(body: unknown, { tokenPort = false, from = '127.0.0.1', headers = {}, method = 'POST', ...options }: Asked = {}) {
  const app = createApplication(createContext({ logLevel: 'silent' }));
  const pairingCode = 'pairingCode' in options ? options.pairingCode : 'the-code';
  if (tokenPort) addTokenPort(app, { secret, address: TOKEN_PORT });
  else addDevelopmentToken(app, { secret, pairingCode, tokenPort: TOKEN_PORT, remoteAddress: () => from });
  const all = { Host: tokenPort ? AUTHORITY : 'localhost:8080', 'Content-Type': 'application/json', ...headers };
  const response = await app.request('/dev/token', { method, headers: all, ...(method === 'POST' ? { body: JSON.stringify(body) } : {}) });
  const answer = { status: response.status, headers: response.headers, grants: undefined };
  if (response.status !== 200) return answer;
  const { token } = (await response.json()) as { token: string };
  return { ...answer, grants: (await createVerifyToken(secretKeys(secret), 'hayate')(token)).grants };
}
const status = async (body: unknown, asked?: Asked) => (await ask(body, asked)).status;

test('the public port redirects any request of this machine to the token port, and gives no token itself', async () => {
  for (const from of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
    for (const grants of [{ publish: ['hoshi'] }, { watch: ['*'] }, { moderate: ['*'] }, {}]) {
      const answer = await ask({ grants }, { from });
      assert.deepEqual([answer.status, answer.headers.get('Location')], [307, `http://${AUTHORITY}/dev/token`]);
    }
});

test('an address is recognised as this machine in any spelling by the client or the socket', async () => {
  for (const from of ['127.0.0.9', '0:0:0:0:0:0:0:1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '::1%lo'])
    assert.equal(await status(publish, { from }), 307, from);
  for (const from of ['::2', '::127.0.0.1', '128.0.0.1', '::ffff:10.0.0.1', '127.0.0.1.example', ''])
    assert.equal(await status(publish, { from }), 403, from);
  const hosts = ['[0:0:0:0:0:0:0:1]', '[::FFFF:127.0.0.1]', '[fe80::1%25eth0]', 'LOCALHOST', 'localhost.', 'a.localhost'];
  for (const Host of hosts.flatMap((name) => [name, `${name}:8080`])) assert.equal(await status(publish, { headers: { Host } }), 307, Host);
  for (const Host of ['localhost.example', '[::1].example', '[::g]', '[localhost]', '::1', 'localhost:8080:8080', '127.0.0.1@a'])
    assert.equal(await status(publish, { headers: { Host } }), 403, Host);
});

test('the token port gives the grants that it is asked for', async () => {
  const { grants } = await ask({ grants: { publish: ['hoshi'], moderate: ['*'] } }, { tokenPort: true });
  assert.deepEqual([grants?.publish, grants?.moderate], [['hoshi'], ['*']]);
});

test('the pairing code gives every right at once, from everywhere and through a proxy; a wrong code gives none', async () => {
  for (const asked of [
    {},
    { from: '192.0.2.7' },
    { headers: { Host: 'tunnel.example', Origin: 'https://tunnel.example', Via: '1.1 a' } },
  ]) {
    assert.deepEqual((await ask({ ...publish, pair: 'the-code' }, asked)).grants?.publish, ['*']);
    for (const pair of ['another', '', 'the-cod']) assert.notEqual(await status({ ...publish, pair }, asked), 200);
    assert.notEqual(await status({ ...publish, pair: 'the-code' }, { ...asked, pairingCode: undefined }), 200);
  }
  // A code from before a restart of the server does not lock this machine out.
  assert.equal(await status({ ...publish, pair: 'another' }), 307);
});

test('another device on the network gets watch, and more only with the pairing code', async () => {
  const from = '192.0.2.7';
  assert.equal(await status({ grants: { watch: ['*'] } }, { from, headers: { Host: '192.0.2.1:8080' } }), 200);
  for (const right of ['publish', 'room', 'moderate']) assert.equal(await status({ grants: { [right]: ['*'] } }, { from }), 403, right);
});

test('a request that a proxy marks as forwarded gets no token, neither on the public port nor at the token port', async () => {
  const signs = [
    ...['Forwarded', 'Via', 'CDN-Loop', 'X-Real-IP', 'X-Client-IP', 'True-Client-IP', 'X-Cluster-Client-IP', 'CF-Connecting-IP', 'CF-Ray'],
    ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Prefix', 'X-FORWARDED-SERVER', 'X-Original-URL'],
    ...['X-Envoy-External-Address', 'X-Amzn-Trace-Id', 'Fly-Client-IP', 'Fastly-Client-IP'],
  ];
  for (const tokenPort of [false, true]) {
    for (const sign of signs) assert.equal(await status(publish, { tokenPort, headers: { [sign]: '127.0.0.1' } }), 403, sign);
    for (const other of ['X-Request-Id', 'X-Custom', 'Forwarding', 'Accept'])
      assert.notEqual(await status(publish, { tokenPort, headers: { [other]: '1' } }), 403, other);
  }
});

test("a page of another site gets no token: by its name, by an address, by 'null' or under a rebound name", async () => {
  const others = [
    'https://evil.example',
    'http://192.0.2.9',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'null',
    'x',
  ];
  for (const tokenPort of [false, true]) {
    for (const Origin of others) {
      assert.equal(await status(publish, { tokenPort, headers: { Origin } }), 403, Origin);
      if (tokenPort)
        assert.equal(
          await status(undefined, { tokenPort, method: 'OPTIONS', headers: { Origin, 'Access-Control-Request-Method': 'POST' } }),
          403,
        );
    }
    for (const Host of ['rebound.example', 'localhost.evil.example', ''])
      assert.equal(await status(publish, { tokenPort, headers: { Host } }), 403, Host);
    for (const site of ['cross-site', 'same-site'])
      assert.equal(await status(publish, { tokenPort, headers: { 'Sec-Fetch-Site': site } }), 403);
  }
  for (const Host of ['localhost:41234', '127.0.0.1', '127.0.0.1:8080'])
    assert.equal(await status(publish, { tokenPort: true, headers: { Host } }), 403, Host);
});

test('a page of this machine gets a token at the token port, from any port of its own, and may read the answer', async () => {
  for (const Origin of ['http://localhost:8080', 'https://127.0.0.1:9', 'http://[::1]:8080', 'http://app.localhost:5173']) {
    assert.equal(await status(publish, { headers: { Origin } }), 307, Origin);
    const headers = { Origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
    const preflight = await ask(undefined, { tokenPort: true, method: 'OPTIONS', headers });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('Access-Control-Allow-Headers'), 'Content-Type');
    for (const { headers } of [preflight, await ask(publish, { tokenPort: true, headers: { Origin } })])
      assert.equal(headers.get('Access-Control-Allow-Origin'), Origin);
  }
  // Another device on the network opens the pages by this machine's address.
  assert.equal(
    await status({ grants: {} }, { from: '192.0.2.7', headers: { Host: '192.0.2.1:8080', Origin: 'https://192.0.2.1:8080' } }),
    200,
  );
});

test('forms and malformed requests get no token', async () => {
  for (const tokenPort of [false, true]) {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', ''])
      assert.equal(await status(publish, { tokenPort, headers: { 'Content-Type': type } }), 400, type);
    for (const body of [undefined, 7, {}, { grants: { publish: 'hoshi' } }, { grants: { publish: ['a/b'] } }])
      assert.equal(await status(body, { tokenPort }), 400, JSON.stringify(body));
  }
});

test('pages may connect to the token port, and to no other', async () => {
  const app = createApplication(createContext({ logLevel: 'silent' }));
  addDevelopmentToken(app, { secret, pairingCode: undefined, tokenPort: TOKEN_PORT, remoteAddress: () => '127.0.0.1' });
  app.get('/page', (context) => context.text('a page', 200, { 'Content-Security-Policy': "default-src 'self'; connect-src 'self' ws:" }));
  app.get('/other', (context) => context.text('no page'));
  const policyOf = async (path: string) => (await app.request(path)).headers.get('Content-Security-Policy');
  assert.equal(await policyOf('/page'), `default-src 'self'; connect-src 'self' http://${AUTHORITY} ws:`);
  assert.equal(await policyOf('/other'), null);
});
