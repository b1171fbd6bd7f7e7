// Compares readStrictly with the generated codec, field by field.
// test/conformance/strict-reading.test.ts compares it with the codecs of other languages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ClientMessageSchema, ServerMessageSchema } from './gen/hayate/v1/message_pb.ts';
import { AudioSchema, MotionSchema, StreamHeaderSchema } from './gen/hayate/v1/payload_pb.ts';
import { readStrictly } from './strict-message.ts';
import { WireError } from './wire-error.ts';

const header = {
  title: 'Evening radio 夜',
  audio: { codec: 'opus', channels: 2, preSkip: 312, inputSampleRate: 48_000 },
  participants: [
    { number: 1, name: 'Ren' },
    { number: 2, name: '' },
  ],
  originUnixUs: 2n ** 64n - 1n,
  originErrorUs: 2 ** 32 - 1,
};

test('reads all that the generated codec writes, including nested messages and the largest numbers', () => {
  const message = create(StreamHeaderSchema, header);
  assert.deepEqual(readStrictly(StreamHeaderSchema, toBinary(StreamHeaderSchema, message)), message);
});

test('accepts a repeated number packed and unpacked', () => {
  const packed = readStrictly(MotionSchema, Uint8Array.of(0x2a, 3, 2, 4, 1));
  const unpacked = readStrictly(MotionSchema, Uint8Array.of(0x28, 2, 0x28, 4, 0x28, 1));
  assert.deepEqual(packed.hips, [1, 2, -1]);
  assert.deepEqual(unpacked.hips, packed.hips);
});

test('skips unknown fields of every wire type and does not keep them', () => {
  const bytes = Uint8Array.of(0x22, 2, 8, 7, 0xa0, 6, 5, 0xa1, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0xa2, 6, 1, 9, 0xa5, 6, 1, 2, 3, 4);
  assert.deepEqual(readStrictly(ClientMessageSchema, bytes), create(ClientMessageSchema, { ping: { id: 7 } }));
});

test('lets the last of a repeated number win, and merges a repeated message', () => {
  const bytes = Uint8Array.of(0x1a, 2, 0x10, 1, 0x1a, 2, 0x18, 9, 0x38, 1, 0x38, 2);
  const { audio, originErrorUs } = readStrictly(StreamHeaderSchema, bytes);
  assert.deepEqual([audio?.channels, audio?.preSkip, originErrorUs], [1, 9, 2]);
});

const refused: Record<string, readonly [schema: DescMessage, reason: RegExp, bytes: readonly number[]]> = {
  'bytes as a varint': [AudioSchema, /packets has the wrong wire type/, [0x08, 1]],
  'a number as bytes': [StreamHeaderSchema, /origin_error_us has the wrong wire type/, [0x3a, 1, 1]],
  'an enum as a fixed32': [ServerMessageSchema, /reason has the wrong wire type/, [0x52, 5, 0x1d, 1, 0, 0, 0]],
  'a packed list with a cut varint': [MotionSchema, /cut short/, [0x2a, 1, 0x80]],
  'a uint32 of 33 bits': [AudioSchema, /level is out of range/, [0x10, 128, 128, 128, 128, 16]],
  'a sint32 of 33 bits': [MotionSchema, /hips is out of range/, [0x28, 128, 128, 128, 128, 16]],
  'an enum of 2^31': [ServerMessageSchema, /reason is out of range/, [0x52, 6, 0x18, 128, 128, 128, 128, 8]],
  'a varint of 65 bits': [AudioSchema, /more than 64 bits/, [0x18, 128, 128, 128, 128, 128, 128, 128, 128, 128, 2]],
  'a varint of 11 bytes': [AudioSchema, /longer than 10 bytes/, [0x18, ...Array<number>(10).fill(128), 0]],
  'a tag of 6 bytes': [AudioSchema, /longer than 5 bytes/, [0x98, 128, 128, 128, 128, 0, 1]],
  'field number 0': [AudioSchema, /field number/, [0, 0]],
  'a field number of 30 bits': [AudioSchema, /field number/, [128, 128, 128, 128, 16, 0]],
  'a group': [AudioSchema, /group/, [0xa3, 1, 0xa4, 1]],
  'text that is not UTF-8': [StreamHeaderSchema, /title is not UTF-8/, [0x0a, 1, 0xff]],
  'text that is not UTF-8 two messages down': [StreamHeaderSchema, /name is not UTF-8/, [0x2a, 3, 0x12, 1, 0xff]],
  'a length beyond the end': [AudioSchema, /cut short/, [0x0a, 2, 1]],
  'a length of 2^32 + 1': [AudioSchema, /cut short/, [0x0a, 129, 128, 128, 128, 16, 1]],
  'a fixed64 cut short': [ServerMessageSchema, /cut short/, [0x52, 3, 0x09, 1, 2]],
  'a tag without a value': [AudioSchema, /cut short/, [0x10]],
};
for (const [what, [schema, reason, bytes]] of Object.entries(refused))
  test(`refuses ${what}`, () => {
    assert.throws(
      () => readStrictly(schema, Uint8Array.from(bytes)),
      (error) => error instanceof WireError && reason.test(error.message) && error.message.includes(schema.name),
    );
  });

const HOSTILE_INPUTS = 20_000;

test('throws nothing but WireError, for any bytes', (t) => {
  const schemas = fc.constantFrom<DescMessage>(ClientMessageSchema, StreamHeaderSchema, AudioSchema, MotionSchema);
  fc.assert(
    fc.property(schemas, fc.uint8Array({ maxLength: 60 }), (schema, bytes) => {
      try {
        readStrictly(schema, bytes);
      } catch (error) {
        assert.ok(error instanceof WireError, `${error}`);
      }
    }),
    { numRuns: HOSTILE_INPUTS },
  );
  t.diagnostic(`${HOSTILE_INPUTS.toLocaleString('en')} hostile inputs`);
});
