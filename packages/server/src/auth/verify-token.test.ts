// Tokens as an attacker and as a customer's backend would make them. jose makes the keys and
// signatures.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { issuerKey } from '../../../../test/support/issuer.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { createContext } from '../kernel/context.ts';
import { FileKeySet } from './file-key-set.ts';
import { secretKeys } from './key-source.ts';
import { signToken } from './sign-token.ts';
import { createVerifyToken } from './verify-token.ts';

const secret = Buffer.alloc(32, 5);
const verify = createVerifyToken(secretKeys(secret), 'hayate');
const hour = () => Math.floor(Date.now() / 1000) + 3_600;
const claims = { sub: 'ann', aud: 'hayate', grants: { publish: ['hoshi'] }, labels: { team: 'a' } };
const signed = (content: Record<string, unknown>, alg = 'HS256', key: Parameters<SignJWT['sign']>[0] = secret) =>
  new SignJWT({ exp: hour(), ...content }).setProtectedHeader({ alg }).sign(key);
const unauthorized = { code: 'UNAUTHORIZED', closeCode: 'UNAUTHORIZED' };

test('a signed token gives its subject, grants, labels and expiry', async () => {
  const { token, expiresAt } = await signToken({ subject: 'ann', grants: { watch: ['*'] }, labels: { team: 'a' }, ttlSeconds: 60 }, secret);
  assert.deepEqual(await verify(token), { subject: 'ann', grants: { watch: ['*'] }, labels: { team: 'a' }, expiresAtMs: expiresAt * 1000 });
});

const base64 = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** A token with arbitrary parts, signed with the secret. */
const crafted = (header: unknown, payload: unknown) => {
  const content = `${base64(header)}.${base64(payload)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
};
const good = { ...claims, exp: hour() };
const hs256 = { alg: 'HS256' };
const malformed = 'the token is not a signed JSON Web Token';
const refusals: Record<string, [token: string, message: string]> = {
  'is missing': ['', 'a token is required'],
  'is blank': [' \r\n', 'a token is required'],
  'is too long': ['x'.repeat(8_193), 'the token is 8193 characters long; at most 8192 are accepted'],
  'is random text': ['not-a-token', malformed],
  'has two parts': [crafted(hs256, good).split('.').slice(0, 2).join('.'), malformed],
  'has five parts': [`${crafted(hs256, good)}.a.b`, malformed],
  'has an empty header': ['..', malformed],
  'has a header that is not JSON': [crafted('{', good), malformed],
  'has a header that is a list': [crafted([], good), malformed],
  'names no algorithm': [crafted({}, good), malformed],
  'has a kid that is a number': [crafted({ ...hs256, kid: 7 }, good), malformed],
  'has a payload that is not JSON': [crafted(hs256, '{'), malformed],
  'has a payload that is a list': [crafted(hs256, '[]'), malformed],
  'has a payload that is not encoded': [crafted({ ...hs256, b64: false, crit: ['b64'] }, good), malformed],
  'demands an extension that is not known': [crafted({ ...hs256, crit: ['zz'], zz: 1 }, good), malformed],
  'has a signature that is not base64url': [`${crafted(hs256, good).split('.').slice(0, 2).join('.')}.%%%`, malformed],
  'is signed by another secret': [await signed(claims, 'HS256', Buffer.alloc(32, 6)), "the token's signature is not valid"],
  'has no signature': [`${base64(hs256)}.${base64(good)}.`, "the token's signature is not valid"],
  'has another algorithm': [await signed(claims, 'HS512'), "the token's algorithm is not accepted here: it must be HS256"],
  'is unsigned': [`${base64({ alg: 'none' })}.${base64(good)}.`, "the token's algorithm is not accepted here: it must be HS256"],
  'is unsigned, in capitals': [
    `${base64({ alg: 'NONE' })}.${base64(good)}.`,
    "the token's algorithm is not accepted here: it must be HS256",
  ],
  'has expired': [await signed({ ...claims, exp: 1_000 }), 'the token has expired'],
  'is not valid yet': [await signed({ ...claims, nbf: hour() }), 'the token is not valid yet'],
  'has no expiry': [crafted(hs256, { ...good, exp: undefined }), 'the token lacks the claim "exp"'],
  'has an expiry that is text': [crafted(hs256, { ...good, exp: 'tomorrow' }), 'the token\'s claim "exp" is invalid'],
  'has a start that is text': [crafted(hs256, { ...good, nbf: 'today' }), 'the token\'s claim "nbf" is invalid'],
  'is for another audience': [await signed({ ...claims, aud: 'other' }), 'the token is for another audience: its aud must be "hayate"'],
  'is for several other audiences': [
    await signed({ ...claims, aud: ['a', 'b'] }),
    'the token is for another audience: its aud must be "hayate"',
  ],
  'has no audience': [await signed({ ...claims, aud: undefined }), 'the token lacks the claim "aud"'],
  'has no subject': [await signed({ ...claims, sub: undefined }), 'the token lacks the claim "sub"'],
  'has an empty subject': [await signed({ ...claims, sub: '' }), 'the token\'s claim "sub" is invalid'],
  'has no grants': [await signed({ ...claims, grants: undefined }), 'the token\'s claim "grants" is invalid'],
  'has grants of another shape': [
    await signed({ ...claims, grants: { publish: 'hoshi' } }),
    'the token\'s claim "grants.publish" is invalid',
  ],
  'has a pattern of another shape': [
    await signed({ ...claims, grants: { watch: ['../x'] } }),
    'the token\'s claim "grants.watch" is invalid',
  ],
  'has labels of another shape': [await signed({ ...claims, labels: { hidden: 7 } }), 'the token\'s claim "labels" is invalid'],
};
for (const [what, [token, message]] of Object.entries(refusals))
  test(`a token that ${what} is refused permanently, with its own message`, () =>
    assert.rejects(verify(token), { ...unauthorized, temporary: false, message }));

test('a token at the limit of its length is accepted, also with white space around it', async () => {
  const length = (labels: Record<string, string>) => signed({ ...claims, labels });
  let labels: Record<string, string> = {};
  for (let i = 0; (await length(labels)).length <= 7_800; i++) labels = { ...labels, [`label-${i}`]: 'v'.repeat(200) };
  const token = await length(labels);
  assert.ok(token.length > 7_800 && token.length <= 8_192);
  for (const written of [token, `${token}\n`, `\r\n ${token}\t`, `\uFEFF${token}\r\n`])
    assert.equal((await verify(written)).subject, 'ann');
});

test('a token for several audiences that include ours is accepted', async () => {
  assert.equal((await verify(await signed({ ...claims, aud: ['other', 'hayate'] }))).subject, 'ann');
});

test('a refusal never repeats a part of the token', async () => {
  const secretive = {
    sub: 'hidden',
    aud: 'hidden',
    iss: 'hidden',
    grants: { hidden: ['hidden'], publish: ['hidden!'] },
    labels: { hidden: 'hidden' },
  };
  const tokens = [
    await signed({ ...claims, ...secretive }),
    await signed({ ...secretive, aud: 'hayate' }),
    await signed({ ...claims, labels: { hidden: 'v'.repeat(300) } }),
    crafted({ alg: 'hidden' }, secretive),
    crafted({ ...hs256, kid: 'hidden', crit: ['hidden'], hidden: 1 }, good),
    crafted({ ...hs256, kid: ['hidden'] }, good),
    'hidden.hidden.hidden',
  ];
  for (const token of tokens)
    await assert.rejects(
      verify(token),
      (error: Error) => !`${error.message}${String(error.cause)}`.includes('hidden') && !error.message.includes(token.slice(0, 20)),
    );
});

/** A verifier over a key set in a file. */
async function verifierOf(t: TestContext, ...keys: readonly unknown[]) {
  const path = join(tempDir(t), 'keys.json');
  writeFileSync(path, JSON.stringify({ keys }));
  const source = await FileKeySet.open(path, createContext({ logLevel: 'silent' }));
  t.after(() => source.close());
  return createVerifyToken(source, 'hayate');
}

test('a key set accepts only its own algorithms: a public key never serves as a secret, and no unsigned token passes', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' };
  const secretJwk = { kty: 'oct', k: secret.toString('base64url'), kid: 'k2', alg: 'HS256' };
  const verifySet = await verifierOf(t, jwk, { ...jwk, kid: 'k3', alg: 'HS256' }, secretJwk);
  assert.equal((await verifySet(await signed(claims, 'RS256', privateKey))).subject, 'ann');
  const pem = await exportSPKI(publicKey);
  const n = Buffer.from(String(jwk.n), 'base64url');
  for (const key of [Buffer.from(pem), Buffer.from(pem.trim()), Buffer.from(JSON.stringify(jwk)), n, secret])
    for (const alg of ['HS256', 'HS384', 'HS512'])
      for (const kid of ['k1', 'k2', 'k3', undefined]) {
        const token = await new SignJWT({ ...good })
          .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
          .sign(key.length < 64 ? Buffer.concat([key, key]) : key);
        await assert.rejects(verifySet(token), { ...unauthorized, message: /algorithm is not accepted/ });
      }
  await assert.rejects(verifySet(`${base64({ alg: 'none', kid: 'k1' })}.${base64(good)}.`), unauthorized);
  await assert.rejects(verifySet(crafted({ ...hs256, kid: 'k2' }, good)), unauthorized, 'a secret in a key set is not a usable key');
});

test('a token without a kid is tried with each fitting key, and one with a kid with all keys of that kid', async (t) => {
  const algs = ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'];
  const keys = await Promise.all([...algs, ...algs].map((alg) => issuerKey(null, alg)));
  const shared = await Promise.all(algs.map((alg) => issuerKey('shared', alg)));
  const broken = [null, { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, { ...keys[0]?.jwk, use: 'enc' }];
  const verifySet = await verifierOf(
    t,
    ...broken,
    ...[...keys, ...shared, ...(await Promise.all(algs.map((alg) => issuerKey('shared', alg))))].map(({ jwk }) => jwk),
  );
  for (const key of [...keys, ...shared]) {
    assert.equal((await verifySet(await key.sign())).subject, 'ann');
    assert.equal((await verifySet(await key.sign({}, { kid: null }))).subject, 'ann');
  }
  const stranger = await issuerKey('shared');
  await assert.rejects(verifySet(await stranger.sign()), { ...unauthorized, message: "the token's signature is not valid" });
  await assert.rejects(verifySet(await stranger.sign({}, { kid: null })), {
    ...unauthorized,
    message: "the token's signature is not valid",
  });
  await assert.rejects(verifySet(await stranger.sign({}, { kid: 'none' })), {
    ...unauthorized,
    message: "the token's key is not in the key set",
  });
});
