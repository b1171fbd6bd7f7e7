// Who gets which tokens in development mode: by where a request comes from and whether it is paired.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretKeys } from '../auth/key-source.ts';
import { createVerifyToken } from '../auth/verify-token.ts';
import { createContext } from '../kernel/context.ts';
import { createApplication } from './api.ts';
import { addDevelopmentToken } from './development-token.ts';

const secret = Buffer.alloc(32, 3);

/** Asks from `remoteAddress`; the status, and the grants of a token given. */
async function ask(
  remoteAddress: string,
  body: unknown,
  headers: Record<string, string> = {},
  pairingCode: string | undefined = 'the-code',
) {
  const app = createApplication(createContext({ logLevel: 'silent' }));
  addDevelopmentToken(app, { secret, pairingCode, remoteAddress: () => remoteAddress });
  const init = {
    method: 'POST',
    headers: { Host: 'localhost:8080', 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
  const response = await app.request('/dev/token', init);
  if (response.status !== 200) return { status: response.status };
  const { token } = (await response.json()) as { token: string };
  const { grants } = await createVerifyToken(secretKeys(secret), 'hayate')(token);
  return { status: 200, grants };
}

test('this machine gets what it asks for', async () => {
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    const { status, grants } = await ask(address, { grants: { publish: ['hoshi'], moderate: ['*'] } });
    assert.equal(status, 200);
    assert.deepEqual([grants?.publish, grants?.moderate], [['hoshi'], ['*']]);
  }
});

test('an address is this machine by its value, however client or socket spell it', async () => {
  const publish = { grants: { publish: ['*'] } };
  for (const address of ['127.0.0.9', '0:0:0:0:0:0:0:1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '::1%lo'])
    assert.equal((await ask(address, publish)).status, 200, address);
  for (const address of ['::2', '::127.0.0.1', '128.0.0.1', '::ffff:10.0.0.1', '127.0.0.1.example', ''])
    assert.equal((await ask(address, publish)).status, 403, address);
  const hosts = ['[0:0:0:0:0:0:0:1]', '[::FFFF:127.0.0.1]', '[fe80::1%25eth0]', 'LOCALHOST', 'localhost.', 'a.localhost'];
  for (const host of hosts.flatMap((name) => [name, `${name}:8080`]))
    assert.equal((await ask('127.0.0.1', publish, { Host: host })).status, 200, host);
  for (const host of [
    'localhost.example',
    '127.0.0.1.example',
    '[::1].example',
    '[::g]',
    '[localhost]',
    '::1',
    'localhost:8080:8080',
    '127.0.0.1@a',
  ])
    assert.equal((await ask('127.0.0.1', publish, { Host: host })).status, 403, host);
});

test('another device gets watch, and more only with the pairing code', async () => {
  const publish = { grants: { publish: ['*'] } };
  assert.equal((await ask('192.0.2.7', { grants: { watch: ['*'] } })).status, 200);
  for (const right of ['publish', 'room', 'moderate'])
    assert.equal((await ask('192.0.2.7', { grants: { [right]: ['*'] } })).status, 403, right);
  assert.equal((await ask('192.0.2.7', { ...publish, pair: 'another' })).status, 403);
  assert.equal((await ask('192.0.2.7', { ...publish, pair: 'the-code' })).status, 200);
  assert.equal((await ask('192.0.2.7', publish, {}, undefined)).status, 403);
});

test('a page of another host, a form and malformed requests get nothing', async () => {
  const publish = { grants: { publish: ['*'] } };
  assert.equal((await ask('127.0.0.1', publish, { Host: 'rebound.example' })).status, 403);
  assert.equal((await ask('127.0.0.1', publish, { Host: '192.0.2.7:8080' })).status, 200);
  assert.equal((await ask('127.0.0.1', publish, { 'Content-Type': 'text/plain' })).status, 400);
  for (const body of [undefined, 7, {}, { grants: { publish: 'hoshi' } }, { grants: { publish: ['a/b'] } }])
    assert.equal((await ask('127.0.0.1', body)).status, 400, JSON.stringify(body));
});
