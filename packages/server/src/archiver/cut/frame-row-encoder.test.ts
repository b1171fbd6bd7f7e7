import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { encodeFrame, peekFrame } from '@hayate/protocol';
import { BatchSchema } from '@hayate/protocol/server';
import fc from 'fast-check';
import { FRAME_TABLE, frameRow, sortedLabels } from '../../archive/row/frame-row.ts';
import { decodeFrameRows } from '../../archive/row/frame-row-decoder.ts';
import { safeNumber } from '../../archive/row/safe-number.ts';
import { AvroBlocks, joinParts } from '../../format/avro/index.ts';
import { FrameRowEncoder } from './frame-row-encoder.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const stream = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const epoch = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
const frame = fc.record({
  sequence: number,
  captureUs: number,
  kind: fc.constantFrom(1, 2, 3, 4, 5, 64, 127),
  flags: uint32,
  participant: uint32,
  position: number,
  keySequence: number,
  payload: fc.uint8Array({ maxLength: 400 }),
});
const batch = fc.record({
  generation: uint32,
  incarnation: epoch,
  labels: fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 90 }), { maxKeys: 3 }),
  frames: fc.array(fc.tuple(frame, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), { maxLength: 6 }),
});

test('rows are encoded as the generated codec encodes them, byte for byte, and decoded to the same', () => {
  fc.assert(
    fc.property(
      stream,
      epoch,
      number,
      fc.nat(999),
      fc.array(batch, { maxLength: 5 }),
      fc.nat(3),
      (name, ofEpoch, offset, partition, batches, big) => {
        const place = { log: 'log', partition };
        const encoder = new FrameRowEncoder(place);
        const byHand = new AvroBlocks();
        const generated = new AvroBlocks();
        const rows = [];
        for (const [n, { frames, labels, ...rest }] of batches.entries()) {
          const entry = {
            offset: safeNumber(offset - (offset % 10) + n),
            appendTimeMs: 1_777_777_777_777 + n,
            key: name,
            value: new Uint8Array(),
          };
          const labelled = frames.map(([fields, receivedUnixUs], i) => {
            // Some rows fill a block alone, so that blocks end in every possible way.
            const payload = big > 0 && i % (big + 1) === big ? new Uint8Array(40_000 * big) : fields.payload;
            return { frame: encodeFrame({ stream: name, epoch: ofEpoch, ...fields, payload }), receivedUnixUs };
          });
          const made = create(BatchSchema, { ...rest, stream: name, epoch: ofEpoch, labels, frames: labelled });
          encoder.beginBatch(entry.offset, entry.appendTimeMs, { ...rest, stream: name, epoch: ofEpoch, labels: sortedLabels(labels) });
          for (const [index, one] of made.frames.entries()) {
            const header = peekFrame(one.frame);
            encoder.append(byHand, index, header, safeNumber(one.receivedUnixUs), one.frame);
            const row = frameRow(place, entry, made, index, one, header);
            generated.append(FRAME_TABLE, row);
            rows.push({ ...row, frame: row.frame.toString('hex') });
          }
        }
        const blocks = byHand.finish();
        assert.deepEqual(
          blocks.map((block) => [block.rows, joinParts(block)]),
          generated.finish().map((block) => [block.rows, joinParts(block)]),
        );
        const decoded = [...decodeFrameRows(blocks)].map((row) => ({ ...row, frame: row.frame.toString('hex') }));
        assert.deepEqual(decoded, rows);
      },
    ),
    { numRuns: 300 },
  );
});
