import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { logicalDigest } from './logical-digest.ts';

test('the digest is SHA-256 over each part preceded by its length, for parts of any size', () => {
  const part = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 40 }),
    fc.integer({ min: 16_360, max: 40_000 }).map((length) => new Uint8Array(length).fill(length)),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const hash = createHash('sha256');
      for (const each of parts) {
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(Buffer.byteLength(each)));
        hash.update(length).update(each);
      }
      assert.equal(logicalDigest(parts), hash.digest('hex'));
    }),
  );
});
