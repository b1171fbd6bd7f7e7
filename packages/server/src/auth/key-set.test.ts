// Key sets as real issuers publish them: keys of many kinds and purposes together, some of them
// broken.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { exportJWK, generateKeyPair } from 'jose';
import { KeySet, KeySetError, SET_ALGORITHMS } from './key-set.ts';

const jwkOf = async (alg: string, options: { crv?: string; modulusLength?: number } = {}) =>
  exportJWK((await generateKeyPair(alg, { extractable: true, ...options })).publicKey);
const ec = await jwkOf('ES256');
const rsa = await jwkOf('RS256');
const ed = await jwkOf('EdDSA');
const privateEc = await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey);
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' });
const good = { ...ec, kid: 'good', alg: 'ES256', use: 'sig' };
const parse = (...keys: readonly unknown[]) => KeySet.parse(JSON.stringify({ keys }));

const odd: Record<string, [entry: unknown, reason: string]> = {
  'an unknown kty': [{ kty: 'AKP2', kid: 'odd' }, 'kind'],
  'no kty': [{ ...ec, kty: undefined }, 'malformed'],
  'a kty that is a number': [{ ...ec, kty: 1 }, 'malformed'],
  'an unknown curve': [{ ...ec, crv: 'P-999' }, 'kind'],
  'a curve without accepted algorithms': [k256, 'kind'],
  'a curve for key agreement': [x25519, 'kind'],
  'an unknown alg': [{ ...ec, alg: 'XS256' }, 'kind'],
  'the alg of another kind': [{ ...ec, alg: 'RS256' }, 'kind'],
  'an alg for encryption': [{ ...rsa, alg: 'RSA-OAEP-256' }, 'kind'],
  'a secret alg on a public key': [{ ...rsa, alg: 'HS256' }, 'kind'],
  'the alg none': [{ ...ec, alg: 'none' }, 'kind'],
  'use enc': [{ ...rsa, use: 'enc' }, 'purpose'],
  'key_ops without verify': [{ ...ec, key_ops: ['encrypt'] }, 'purpose'],
  'empty key_ops': [{ ...ec, key_ops: [] }, 'purpose'],
  'key_ops that are not a list': [{ ...ec, key_ops: 'verify' }, 'purpose'],
  'a private key': [privateEc, 'private'],
  'a secret': [{ kty: 'oct', k: 'c2VjcmV0', kid: 'odd' }, 'private'],
  'an RSA key of 1024 bits': [weak, 'weak'],
  'a point that is not on the curve': [{ ...ec, y: ec.x }, 'malformed'],
  'a missing coordinate': [{ ...ec, y: undefined }, 'malformed'],
  'a kid that is a number': [{ ...ec, kid: 7 }, 'malformed'],
  'an EC key that claims an OKP curve': [{ ...ec, crv: 'Ed25519' }, 'malformed'],
  null: [null, 'malformed'],
  'a string': ['key', 'malformed'],
  'a list': [[], 'malformed'],
};
for (const [what, [entry, reason]] of Object.entries(odd)) {
  test(`${what} is skipped and counted, and the good key of the set works`, () => {
    for (const keys of [
      [entry, good],
      [good, entry],
    ]) {
      const set = parse(...keys);
      assert.equal(set.size, 1);
      assert.deepEqual(set.passedOver, { [reason]: 1 });
      assert.equal(set.candidates({ alg: 'ES256', kid: 'good' }).length, 1);
      for (const alg of SET_ALGORITHMS)
        assert.equal(set.candidates({ alg, kid: undefined }).length, alg === 'ES256' ? 1 : 0, `${alg} must not reach the odd one`);
    }
    assert.throws(
      () => parse(entry),
      (error) => error instanceof KeySetError && error.outcome === 'no_usable_key',
    );
  });
}

test('members that an issuer writes as null count as absent', () => {
  const set = parse({ ...ec, alg: null, use: null, key_ops: null, kid: null, x5c: null, d: null });
  assert.equal(set.candidates({ alg: 'ES256', kid: undefined }).length, 1);
});

test('a key without alg serves each algorithm of its kind, one with an alg serves only that', () => {
  const algorithms = (...keys: readonly unknown[]) => {
    const set = parse(...keys);
    return SET_ALGORITHMS.filter((alg) => set.candidates({ alg, kid: undefined }).length > 0);
  };
  assert.deepEqual(algorithms(rsa), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
  assert.deepEqual(algorithms({ ...rsa, alg: 'PS384' }), ['PS384']);
  assert.deepEqual(algorithms(ec), ['ES256']);
  assert.deepEqual(algorithms(ed), ['EdDSA', 'Ed25519']);
  assert.deepEqual(algorithms({ ...ed, alg: 'EdDSA' }), ['EdDSA', 'Ed25519'], 'two names of one algorithm');
});

test('a kid selects all keys that have it, and no kid selects all keys of the kind, at most a hundred', () => {
  const set = parse({ ...ec, kid: 'a' }, { ...ec, kid: 'a' }, { ...ec, kid: 'b' }, { ...rsa, kid: 'a' }, ec);
  assert.equal(set.candidates({ alg: 'ES256', kid: 'a' }).length, 2);
  assert.equal(set.candidates({ alg: 'ES256', kid: 'A' }).length, 0);
  assert.equal(set.candidates({ alg: 'ES256', kid: undefined }).length, 4);
  assert.equal(set.candidates({ alg: 'RS256', kid: 'b' }).length, 0);
  assert.ok(set.names('b') && !set.names('c') && !set.names(''));
  assert.equal(parse(...Array.from({ length: 120 }, () => ec)).candidates({ alg: 'ES256', kid: undefined }).length, 100);
});

test('a set of very many keys is read as far as its bound', () => {
  const set = parse(good, ...Array.from({ length: 999 }, () => null), good, good);
  assert.equal(set.size, 1);
  assert.deepEqual(set.passedOver, { malformed: 999, too_many: 2 });
});

test('text that is not a key set is refused with its kind, and the error does not repeat it', () => {
  const outcomes: Record<string, string> = {
    '': 'not_json',
    ' \n': 'not_json',
    '<html>secret</html>': 'not_json',
    '{"keys":[': 'not_json',
    null: 'not_key_set',
    '[]': 'not_key_set',
    '"keys"': 'not_key_set',
    '{}': 'not_key_set',
    '{"keys":{"secret":1}}': 'not_key_set',
    '{"error":"secret"}': 'not_key_set',
    '{"keys":[]}': 'no_usable_key',
    '{"keys":["secret"]}': 'no_usable_key',
  };
  for (const [text, outcome] of Object.entries(outcomes))
    assert.throws(
      () => KeySet.parse(text),
      (error) => error instanceof KeySetError && error.outcome === outcome && !error.message.includes('secret'),
      text,
    );
  assert.equal(KeySet.parse(`\uFEFF${JSON.stringify({ keys: [good] })}\n`).size, 1, 'a byte order mark does no harm');
});

test('any text and any JSON value is parsed or refused with a KeySetError', () => {
  const survives = (text: string) => {
    try {
      KeySet.parse(text);
    } catch (error) {
      assert.ok(error instanceof KeySetError, String(error));
    }
  };
  fc.assert(fc.property(fc.string(), survives));
  fc.assert(fc.property(fc.array(fc.jsonValue()), (keys) => survives(JSON.stringify({ keys }))));
  const member = fc.constantFrom('kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use', 'key_ops', 'ext');
  fc.assert(
    fc.property(fc.constantFrom(ec, rsa, ed), member, fc.jsonValue(), (jwk, name, value) =>
      survives(JSON.stringify({ keys: [{ ...jwk, [name]: value }] })),
    ),
  );
});
