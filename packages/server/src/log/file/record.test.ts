// Encodes and decodes records, with arbitrary entries and arbitrary bytes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeRecord,
  encodeRecordHead,
  peekGroupOffset,
  peekOffset,
  peekRecordBytes,
  RECORD_HEADER_BYTES,
  recordBytes,
} from './record.ts';

const specification = new URL('../../../../../spec/log-file.md', import.meta.url);
const seeds = fc.nat(2 ** 32 - 1);
const safe = fc.maxSafeNat();

test('any entry is read back from its record, at any position', () => {
  fc.assert(
    fc.property(
      fc.record({ offset: safe, appendTimeMs: fc.nat(2 ** 48 - 1), placeInGroup: fc.nat(65_535) }),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }),
      seeds,
      fc.nat(40),
      (place, key, value, seed, at) => {
        const record = Buffer.concat([
          Buffer.alloc(at, 7),
          encodeRecordHead(place, Buffer.from(key), value, seed),
          value,
          Buffer.alloc(9, 7),
        ]);
        const size = recordBytes(Buffer.byteLength(key), value.length);
        assert.equal(peekRecordBytes(record, at), size);
        const { offset, appendTimeMs, placeInGroup } = place;
        assert.equal(peekOffset(record, at), offset);
        assert.equal(peekGroupOffset(record, at), offset - placeInGroup);
        const entry = decodeRecord(record, at, size, seed);
        assert.deepEqual(entry && { ...entry, value: [...entry.value] }, { offset, appendTimeMs, key, value: [...value] });
      },
    ),
  );
});

test('a record with one changed bit, or of another log, is rejected', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), seeds, seeds, fc.nat(), (value, seed, otherSeed, place) => {
      const record = Buffer.concat([
        encodeRecordHead({ offset: 5, appendTimeMs: 6, placeInGroup: 3 }, Buffer.from('key'), value, seed),
        value,
      ]);
      assert.equal(decodeRecord(record, 0, record.length, otherSeed) === undefined, otherSeed !== seed);
      const bit = 32 + (place % (record.length * 8 - 32));
      record[bit >> 3] = (record[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(decodeRecord(record, 0, record.length, seed), undefined);
    }),
  );
});

test('decoding does not throw for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: RECORD_HEADER_BYTES, maxLength: 200 }), seeds, (bytes, seed) => {
      const buffer = Buffer.from(bytes);
      peekRecordBytes(buffer, 0);
      peekOffset(buffer, 0);
      peekGroupOffset(buffer, 0);
      decodeRecord(buffer, 0, buffer.length, seed);
    }),
  );
});

test("the encoder writes the specification's example", async () => {
  // The example's bytes were made with Python's struct and zlib.
  const example = /value of\s+the two bytes\s+`DE AD`:\n\n```\n([^`]+)```/.exec(await readFile(specification, 'utf8'))?.[1] ?? '';
  const value = Buffer.from('dead', 'hex');
  const record = Buffer.concat([
    encodeRecordHead({ offset: 7, appendTimeMs: 1_700_000_000_000, placeInGroup: 0 }, Buffer.from('abc'), value, 0x12345678),
    value,
  ]);
  assert.equal(record.toString('hex'), example.replaceAll(/\s/g, ''));
});
