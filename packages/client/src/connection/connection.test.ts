import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseCodes } from '@hayate/protocol';
import fc from 'fast-check';
import { Backoff } from './backoff.ts';
import { closeReason } from './close-reason.ts';
import { tokenExpiresUnixMs } from './token.ts';

test('waits longer after each failure, between half and all of a doubling limit, up to ten seconds', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (random) => {
      const backoff = new Backoff(() => random);
      for (let attempt = 0; attempt < 30; attempt++) {
        const limitMs = Math.min(10_000, 250 * 2 ** attempt);
        const waitMs = backoff.nextMs();
        assert.ok(waitMs >= limitMs / 2 && waitMs <= limitMs);
      }
      backoff.reset();
      assert.ok(backoff.nextMs() <= 250);
    }),
  );
});

test('reconnects after lost connections and temporary close codes, and after no others', () => {
  for (const [name, { code, temporary, meaning }] of Object.entries(CloseCodes)) {
    const reason = closeReason(code, '');
    assert.equal(reason.name, name);
    assert.equal(reason.sentence, meaning);
    assert.equal(reason.outcome === 'retry', temporary, name);
  }
  for (const code of [1001, 1005, 1006, 1011, 1012]) assert.equal(closeReason(code, '').outcome, 'retry');
  for (const code of [1002, 1003, 1007, 1009]) assert.equal(closeReason(code, '').outcome, 'failed');
  assert.equal(closeReason(4410, '').outcome, 'ended');
  assert.equal(
    closeReason(4413, 'a frame holds more than 9 bytes').sentence,
    `${CloseCodes.FRAME_TOO_BIG.meaning} a frame holds more than 9 bytes`,
  );
});

test('reads the expiry of a token, and does not throw for any text', () => {
  const jwt = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
  assert.equal(tokenExpiresUnixMs(jwt({ exp: 1_800_000_000, name: 'ひかり' })), 1_800_000_000_000);
  assert.equal(tokenExpiresUnixMs(jwt({})), undefined);
  assert.equal(tokenExpiresUnixMs(jwt(null)), undefined);
  fc.assert(fc.property(fc.string(), (text) => tokenExpiresUnixMs(`${text}.${text}`) === undefined));
});
