import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { EndedSchema, RangeSchema } from '@hayate/protocol';
import { type Batch, BatchSchema, RecordSchema } from '@hayate/protocol/server';
import fc from 'fast-check';
import { sortedLabels } from '../../archive/row/frame-row.ts';
import { safeNumber } from '../../archive/row/safe-number.ts';
import { RecordReader } from './record-reader.ts';

/**
 * A reader's result for a value, as plain values that can be compared; undefined if it refuses the
 * value.
 */
function viewed(reader: RecordReader, value: Uint8Array): unknown {
  try {
    const record = reader.read(value);
    if (record.kind !== 'batch') return record;
    const { frameCount, frameStarts, frameEnds, receivedUs, rest, ...batch } = record.batch;
    const frames = Array.from({ length: frameCount }, (_, i) => [
      Buffer.from(value.subarray(frameStarts[i], frameEnds[i])).toString('hex'),
      receivedUs[i],
    ]);
    return { ...batch, labels: { ...batch.labels }, frames, dropped: rest?.dropped ?? [], end: rest?.end };
  } catch {
    return undefined;
  }
}

/** The generated codec's result for the same value. */
function decoded(value: Uint8Array): unknown {
  try {
    const { body } = fromBinary(RecordSchema, value);
    if (body.case === 'tick') return { kind: 'tick', cut: body.value.cut };
    if (body.case === undefined) return { kind: 'unknown' };
    const { stream, epoch, generation, incarnation, labels, viewers, frames, dropped, end }: Batch = body.value;
    return {
      ...{ stream, epoch, generation, incarnation, viewers, dropped, end },
      labels: sortedLabels(labels),
      frames: frames.map(({ frame, receivedUnixUs }) => [Buffer.from(frame).toString('hex'), safeNumber(receivedUnixUs)]),
    };
  } catch {
    return undefined;
  }
}

const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }));
const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const batch = fc
  .record({
    stream: fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{0,64}$/), fc.string({ unit: 'grapheme' })),
    epoch: uint64,
    generation: uint32,
    incarnation: uint64,
    labels: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ maxLength: 200 }), { maxKeys: 4 }),
    frames: fc.array(fc.record({ frame: fc.uint8Array({ maxLength: 300 }), receivedUnixUs: uint64 }), { maxLength: 5 }),
    dropped: fc.array(fc.record({ first: uint64, last: uint64 }), { maxLength: 1 }),
    end: fc.option(fc.record({ epoch: uint64, nextSequence: uint64, reason: fc.constantFrom(0, 1, 4) }), { nil: undefined }),
    viewers: uint32,
  })
  .map(({ dropped, end, ...rest }) => {
    const ranges = dropped.map((range) => create(RangeSchema, range));
    const ended = end === undefined ? {} : { end: create(EndedSchema, end) };
    return toBinary(BatchSchema, create(BatchSchema, { ...rest, dropped: ranges, ...ended }));
  });

/**
 * Bytes of a field that no Batch has, or of one with another wire type, or of one that is repeated.
 */
const strangeField = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), uint32)
    .map(([field, value]) => new BinaryWriter().tag(field, WireType.Varint).uint32(value).finish()),
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.uint8Array({ maxLength: 9 }))
    .map(([field, value]) => new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(value).finish()),
);

/**
 * A Record of batches as an encoder might write it: whole, with strange fields before or after, or
 * as several parts to be merged.
 */
const record = fc
  .array(fc.oneof({ weight: 3, arbitrary: batch }, { weight: 1, arbitrary: strangeField }), { minLength: 1, maxLength: 3 })
  .chain((parts) => fc.boolean().map((together) => (together ? [Buffer.concat(parts)] : parts)))
  .map((bodies) => Buffer.concat(bodies.map((body) => new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(body).finish())));

test('a record is read as the generated codec reads it, also with strange fields, several batches, or cut short', () => {
  // One reader for all values: its memory of one batch must not affect another.
  const reader = new RecordReader();
  let batches = 0;
  fc.assert(
    fc.property(record, fc.nat(), (value, cut) => {
      const expected = decoded(value);
      assert.deepEqual(viewed(reader, value), expected);
      if (expected !== undefined) batches++;
      const short = value.subarray(0, cut % (value.length + 1));
      assert.deepEqual(viewed(reader, short), decoded(short));
    }),
    { numRuns: 1_000 },
  );
  assert.ok(batches > 500);
});

test('random bytes, and records with a changed byte, are read as the generated codec reads them', () => {
  const reader = new RecordReader();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, framed) => {
      const value = framed ? new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish() : bytes;
      assert.deepEqual(viewed(reader, value), decoded(value));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
      const broken = Buffer.from(value);
      const index = at % broken.length;
      broken[index] = (broken[index] ?? 0) ^ change;
      assert.deepEqual(viewed(reader, broken), decoded(broken));
    }),
    { numRuns: 2_000 },
  );
});

test('entries of a streamer are read without the generated codec, and equal labels are the same object', () => {
  const reader = new RecordReader();
  const value = (sequence: number) =>
    toBinary(
      RecordSchema,
      create(RecordSchema, {
        body: {
          case: 'batch',
          value: create(BatchSchema, {
            stream: 'alice',
            epoch: 7n,
            generation: 2,
            incarnation: 9n,
            labels: { b: '2', a: '1' },
            frames: [{ frame: Uint8Array.of(sequence), receivedUnixUs: 1_777_777_777_777_777n }],
            viewers: 300,
          }),
        },
      }),
    );
  const labels = [1, 2].map((sequence) => {
    const record = reader.read(value(sequence));
    assert.ok(record.kind === 'batch' && record.batch.rest === undefined);
    return record.batch.labels;
  });
  assert.equal(labels[0], labels[1]);
  assert.deepEqual(Object.keys(labels[0] ?? {}), ['a', 'b']);
});
