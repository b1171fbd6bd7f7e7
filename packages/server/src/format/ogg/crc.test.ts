import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { oggPageCrc } from './crc.ts';

/** RFC 3533's checksum, computed bit by bit. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0;
  for (const [i, byte] of bytes.entries()) {
    crc ^= (i >= 22 && i < 26 ? 0 : byte) << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0);
  }
  return crc >>> 0;
}

test('the checksum is that of RFC 3533, for any length, position and content of its field', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 27, maxLength: 700 }), fc.nat(9), fc.nat(9), (page, before, behind) => {
      const bytes = new Uint8Array([...new Uint8Array(before).fill(0xaa), ...page, ...new Uint8Array(behind).fill(0x55)]);
      assert.equal(oggPageCrc(bytes, before, before + page.length), slowCrc(page));
    }),
  );
  const longest = Uint8Array.from({ length: 65_307 }, (_, i) => i * 31);
  assert.equal(oggPageCrc(longest), slowCrc(longest));
});
