// Epochs: numbers and texts sort by time, and a text reads back as the same epoch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { epochFromText, epochStartedMs, epochText, mintEpoch } from './epoch.ts';

const epochs = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('an epoch holds the millisecond in which it was created, for any random bits and any fraction', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 44 - 1), fc.double({ min: 0, max: 0.5, noNaN: true }), fc.nat(2 ** 20 - 1), (ms, fraction, random) => {
      const epoch = mintEpoch(ms + fraction, random);
      assert.equal(epochStartedMs(epoch), Math.floor(ms + fraction));
      assert.equal(epoch & 0xfffffn, BigInt(random));
      assert.ok(epoch < 2n ** 64n);
    }),
  );
});

test('epochs sort by time, and so does their text', () => {
  fc.assert(
    fc.property(epochs, epochs, (a, b) => {
      assert.equal(Math.sign(Number(a - b)), epochText(a) < epochText(b) ? -1 : epochText(a) > epochText(b) ? 1 : 0);
    }),
  );
  fc.assert(
    fc.property(fc.nat(2 ** 43), fc.nat(2 ** 20 - 1), fc.nat(2 ** 20 - 1), (ms, r, s) => {
      assert.ok(mintEpoch(ms, r) < mintEpoch(ms + 1, s));
    }),
  );
});

test('epoch text is 16 lower-case hex digits and reads back; other text is refused', () => {
  fc.assert(
    fc.property(epochs, (epoch) => {
      assert.match(epochText(epoch), /^[0-9a-f]{16}$/);
      assert.equal(epochFromText(epochText(epoch)), epoch);
    }),
  );
  for (const text of ['', '0', '0'.repeat(15), '0'.repeat(17), `${'0'.repeat(15)}A`, `${'0'.repeat(15)}g`, `0x${'0'.repeat(14)}`])
    assert.equal(epochFromText(text), undefined, text);
});
