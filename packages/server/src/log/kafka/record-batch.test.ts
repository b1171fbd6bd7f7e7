import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { crc32c } from '@platformatic/kafka';
import fc from 'fast-check';
import { HayateError } from '../../kernel/error.ts';
import { BATCH_HEAD_BYTES, decodeRecordBatches, encodeRecordBatch, type KeyValue } from './record-batch.ts';

const TIME_MS = 1_700_000_000_123;
const identity = { producerId: 7n, producerEpoch: 2, sequence: 40 };

/**
 * The batch as a broker with LogAppendTime stores it: with offsets, the time, and a new checksum.
 */
function stored(batch: Buffer, base: number, attributes = 0b1000): Buffer {
  const bytes = Buffer.from(batch);
  bytes.writeBigInt64BE(BigInt(base), 0);
  bytes.writeInt16BE(bytes.readInt16BE(21) | attributes, 21);
  bytes.writeBigInt64BE(BigInt(TIME_MS), 35);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

const pair = (key: string, value: string | Uint8Array): KeyValue => ({ key: Buffer.from(key), value: Buffer.from(value) });
const three = [pair('hoshi', 'one'), pair('', 'tick'), pair('hoshi', 'two')];
const shown = (bytes: Buffer, next: number, within = false) =>
  decodeRecordBatches(bytes, next, { within }).map(({ offset, key, value }) => `${offset} ${key}: ${Buffer.from(value)}`);

const anyEntry = fc.record({
  key: fc.string({ maxLength: 80 }).map((key) => Buffer.from(key)),
  value: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: 70_000 }).map((size) => new Uint8Array(size).fill(7)),
  ),
});

test('any batches decode from any offset in them, and one that is cut short waits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyEntry, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 }),
      fc.nat(),
      (batches, seed) => {
        const entries = batches.flat();
        let base = 1_000;
        const parts = batches.map((batch) => {
          const part = stored(encodeRecordBatch(batch, identity), base);
          base += batch.length;
          return part;
        });
        const whole = Buffer.concat(parts);
        const from = seed % entries.length;
        const expected = entries
          .map(({ key, value }, index) => ({
            offset: 1_000 + index,
            appendTimeMs: TIME_MS,
            key: key.toString(),
            value: Buffer.from(value),
          }))
          .slice(from);
        // A broker starts with the batch that contains the requested offset.
        let skipped = 0;
        for (const [index, batch] of batches.entries())
          if (batches.slice(0, index + 1).flat().length <= from) skipped += parts[index]?.length ?? batch.length;
        const read = decodeRecordBatches(whole.subarray(skipped), 1_000 + from, { within: true }).map((entry) => ({
          ...entry,
          value: Buffer.from(entry.value),
        }));
        assert.deepEqual(read, expected);
        const withoutLast = whole.length - (parts.at(-1)?.length ?? 0);
        const cut = withoutLast + (seed % (whole.length - withoutLast));
        assert.equal(
          decodeRecordBatches(whole.subarray(0, cut), 1_000, { within: false }).length,
          entries.length - (batches.at(-1)?.length ?? 0),
        );
      },
    ),
  );
});

test('a changed bit in a batch is detected or changes nothing', () => {
  const whole = stored(encodeRecordBatch(three, identity), 5);
  const expected = shown(whole, 5);
  let noticed = 0;
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    try {
      const read = shown(changed, 5);
      // A batch whose length exceeds the available bytes waits for the rest: no entries are
      // returned, and the reader reports that as corrupt.
      if (read.length > 0) assert.deepEqual(read, expected);
    } catch (error) {
      assert.ok(error instanceof HayateError && error.code === 'CORRUPT', String(error));
      noticed += 1;
    }
  }
  assert.ok(noticed > (whole.length - BATCH_HEAD_BYTES) * 8);
});

test('random bytes are corrupt or give no entries', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, seemsRight) => {
      const buffer = Buffer.from(bytes);
      if (seemsRight && buffer.length >= BATCH_HEAD_BYTES) {
        buffer.writeInt8(2, 16);
        stored(buffer, 0).copy(buffer);
      }
      try {
        decodeRecordBatches(buffer, 0, { within: true });
      } catch (error) {
        assert.ok(error instanceof HayateError && error.code === 'CORRUPT', String(error));
      }
    }),
  );
});

test('gaps and markers left by compaction, transactions or changed settings are corrupt', () => {
  const whole = stored(encodeRecordBatch(three, identity), 5);
  assert.throws(() => shown(whole, 4), { code: 'CORRUPT', message: 'entry 4: it is missing: the next offset is 5' });
  const [one, two] = [encodeRecordBatch(three.slice(0, 1), identity), encodeRecordBatch(three.slice(1), identity)];
  assert.deepEqual(shown(Buffer.concat([stored(one, 5), stored(two, 7)]), 5), ['5 hoshi: one'], 'entries before a gap are read');
  assert.throws(() => shown(stored(two, 7), 6), { message: 'entry 6: it is missing: the next offset is 7' });
  assert.throws(() => shown(whole, 6), { message: 'entry 6: its batch begins at 5 and ends at 7' });
  const compacted = Buffer.from(encodeRecordBatch(three, identity));
  compacted.writeInt32BE(3, 23);
  assert.throws(() => shown(stored(compacted, 5), 5), { message: 'entry 8: it is missing: its batch ends at 9' });
  assert.throws(() => shown(stored(one, 5, 0b10_1000), 5), { message: 'entry 5: it is a transaction marker' });
  assert.throws(() => shown(stored(one, 5, 0), 5), { message: /entry 5: it has no append time/ });
});

test('batches that a broker compressed are decoded', () => {
  const plain = encodeRecordBatch(three, identity);
  for (const [compression, compress] of [
    [1, gzipSync],
    [4, zstdCompressSync],
  ] as const) {
    const compressed = Buffer.concat([plain.subarray(0, BATCH_HEAD_BYTES), compress(plain.subarray(BATCH_HEAD_BYTES))]);
    assert.deepEqual(shown(stored(compressed, 5, 0b1000 | compression), 6, true), ['6 : tick', '7 hoshi: two']);
    const damaged = Buffer.concat([plain.subarray(0, BATCH_HEAD_BYTES), Buffer.from('no such thing')]);
    assert.throws(() => shown(stored(damaged, 5, 0b1000 | compression), 5), { code: 'CORRUPT', message: /cannot be decompressed/ });
  }
});
