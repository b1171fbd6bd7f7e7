// Compares encodeFrame with the generated codec: both write the same bytes for every valid value,
// and encodeFrame throws a WireError for every invalid one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { encodeFrame, type FrameFields, varintSize, writeVarint } from './frame.ts';
import { framePayload, peekFrame } from './frame-header.ts';
import { FrameSchema, type Kind } from './gen/hayate/v1/frame_pb.ts';
import { WireError } from './wire-error.ts';

const numbers = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1), fc.maxSafeNat());
const uint32s = fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32 - 1), fc.nat(2 ** 32 - 1));

/** Every frame that encodeFrame accepts. */
const frames: fc.Arbitrary<Required<FrameFields>> = fc.record({
  stream: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  epoch: fc.oneof(fc.constantFrom(1n, 2n ** 63n, 2n ** 64n - 1n), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })),
  sequence: numbers,
  captureUs: numbers,
  kind: fc.constantFrom(1, 2, 3, 4, 5, 64, 100, 127),
  flags: uint32s,
  participant: uint32s,
  position: numbers,
  keySequence: numbers,
  payload: fc.uint8Array({ maxLength: 300 }),
});

test('the bytes equal those of the generated codec, for every value of every field', () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const generated = create(FrameSchema, {
        ...frame,
        kind: frame.kind as Kind,
        sequence: BigInt(frame.sequence),
        captureUs: BigInt(frame.captureUs),
        position: BigInt(frame.position),
        keySequence: BigInt(frame.keySequence),
      });
      assert.deepEqual(encodeFrame(frame), toBinary(FrameSchema, generated));
    }),
    { numRuns: 500 },
  );
});

test('peekFrame reads back what encodeFrame wrote', () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const bytes = encodeFrame(frame);
      const header = peekFrame(bytes);
      const { payload, ...fields } = frame;
      const { payloadOffset: _, payloadLength, ...read } = header;
      assert.deepEqual(read, fields);
      assert.equal(payloadLength, payload.length);
      assert.deepEqual(framePayload(bytes, header), payload);
    }),
  );
});

test('omitted numbers are 0', () => {
  const few = { stream: 's', epoch: 1n, sequence: 0, captureUs: 0, kind: 1, payload: new Uint8Array() };
  assert.deepEqual(encodeFrame(few), encodeFrame({ ...few, flags: 0, participant: 0, position: 0, keySequence: 0 }));
});

test('refuses a value out of its range instead of writing a different one', () => {
  const frame = { stream: 's', epoch: 1n, sequence: 1, captureUs: 1, kind: 2, payload: new Uint8Array() };
  const wrong: Partial<FrameFields>[] = [
    ...['', 'a/b', '..', 'x'.repeat(65)].map((stream) => ({ stream })),
    ...[0n, -1n, 2n ** 64n].map((epoch) => ({ epoch })),
    ...[0, 6, 63, 128, 2.5, Number.NaN].map((kind) => ({ kind })),
    ...(['sequence', 'captureUs', 'position', 'keySequence'] as const).flatMap((field) =>
      [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY].map((value) => ({ [field]: value })),
    ),
    ...(['flags', 'participant'] as const).flatMap((field) => [-1, 0.5, 2 ** 32].map((value) => ({ [field]: value }))),
  ];
  for (const part of wrong) assert.throws(() => encodeFrame({ ...frame, ...part }), WireError);
});

test('varintSize is the number of bytes that writeVarint writes', () => {
  fc.assert(
    fc.property(numbers, (value) => {
      const bytes = new Uint8Array(12);
      assert.equal(writeVarint(bytes, 1, value), 1 + varintSize(value));
    }),
  );
});
