// Tokens as an attacker and as a customer's backend would make them; keys and signatures by jose.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { signToken } from './sign-token.ts';
import { createVerifyToken } from './verify-token.ts';

const secret = Buffer.alloc(32, 5);
const verify = createVerifyToken({ secret }, 'hayate');
const hour = () => Math.floor(Date.now() / 1000) + 3_600;
const claims = { sub: 'ann', aud: 'hayate', grants: { publish: ['hoshi'] }, labels: { team: 'a' } };
const signed = (content: Record<string, unknown>, alg = 'HS256', key: Parameters<SignJWT['sign']>[0] = secret) =>
  new SignJWT({ exp: hour(), ...content }).setProtectedHeader({ alg }).sign(key);
const unauthorized = { code: 'UNAUTHORIZED', closeCode: 'UNAUTHORIZED' };

test('a signed token gives its subject, grants, labels and end', async () => {
  const { token, expiresAt } = await signToken({ subject: 'ann', grants: { watch: ['*'] }, labels: { team: 'a' }, ttlSeconds: 60 }, secret);
  assert.deepEqual(await verify(token), { subject: 'ann', grants: { watch: ['*'] }, labels: { team: 'a' }, expiresAtMs: expiresAt * 1000 });
});

test('tokens that are missing, forged, expired, for another audience or of another shape are refused', async () => {
  const bad: Record<string, string> = {
    missing: '',
    random: 'not-a-token',
    'other secret': await signed(claims, 'HS256', Buffer.alloc(32, 6)),
    expired: await signed({ ...claims, exp: 1_000 }),
    'no end': await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'other audience': await signed({ ...claims, aud: 'other' }),
    'no subject': await signed({ ...claims, sub: undefined }),
    'grants of another shape': await signed({ ...claims, grants: { publish: 'hoshi' } }),
    'pattern of another shape': await signed({ ...claims, grants: { publish: ['../x'] } }),
    'another algorithm': await signed(claims, 'HS512'),
    unsigned: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ ...claims, exp: hour() })).toString('base64url')}.`,
  };
  for (const [name, token] of Object.entries(bad)) await assert.rejects(verify(token), unauthorized, name);
});

test('a refusal never repeats the token', async () => {
  const token = await signed({ ...claims, aud: 'other' });
  await assert.rejects(verify(token), (error: Error) => !error.message.includes(token.slice(0, 20)));
});

test('a key set pins its own algorithms: the public key does not pass as an HS256 secret', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'k1' };
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  for (const source of [{ jwks: { keys: [jwk] } }, { jwksUrl: new URL(`http://127.0.0.1:${address.port}/keys`) }]) {
    const verifySet = createVerifyToken(source, 'hayate');
    assert.equal((await verifySet(await signed(claims, 'ES256', privateKey))).subject, 'ann');
    await assert.rejects(verifySet(await signed(claims, 'HS256', Buffer.from(JSON.stringify(jwk)))), unauthorized);
  }
});
