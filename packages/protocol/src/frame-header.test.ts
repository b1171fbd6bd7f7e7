// Compares peekFrame with the generated codec: both read every accepted frame alike, and every
// refusal is a WireError. The tests assemble frames field by field, in orders and forms that
// writers in other languages may produce.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type FrameHeader, framePayload, isKey, peekFrame } from './frame-header.ts';
import { FrameSchema } from './gen/hayate/v1/frame_pb.ts';
import { WireError } from './wire-error.ts';

/** A varint of `value`, lengthened by `extra` bytes that do not change the value. */
function varint(value: bigint, extra = 0): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  } while (rest > 0n);
  for (let i = 0; i < extra; i++) bytes.push(0x80);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return bytes;
}
const tag = (field: number, wireType: number) => varint(BigInt(field * 8 + wireType));
const number = (field: number, value: bigint, extra = 0) => [...tag(field, 0), ...varint(value, extra)];
const fixed64 = (field: number, value: bigint) => [...tag(field, 1), ...new Uint8Array(new BigUint64Array([value]).buffer)];
const bytesField = (field: number, bytes: readonly number[]) => [...tag(field, 2), ...varint(BigInt(bytes.length)), ...bytes];
const text = (value: string) => [...Buffer.from(value, 'latin1')];

const uint53 = fc.oneof(fc.constantFrom(0n, 127n, 128n, 2n ** 32n, 2n ** 53n - 1n), fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }));
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const byteList = fc.array(fc.nat(255), { maxLength: 40 });
const unknownNumbers = fc.oneof(fc.integer({ min: 10, max: 14 }), fc.integer({ min: 16, max: 536_870_911 }));

/** One field that a frame may hold. Some have overlong varints. */
const knownField: fc.Arbitrary<number[]> = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).map((name) => bytesField(1, text(name))),
  fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map((epoch) => fixed64(2, epoch)),
  fc.tuple(fc.constantFrom(3, 4, 8, 9), uint53, fc.nat(2)).map(([field, value, extra]) => number(field, value, extra)),
  fc.constantFrom(1n, 2n, 3n, 4n, 5n, 64n, 127n).map((kind) => number(5, kind)),
  fc
    .tuple(fc.constantFrom(6, 7), fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), fc.nat(5))
    .map(([f, value, extra]) => number(f, value, extra)),
  byteList.map((bytes) => bytesField(15, bytes)),
);

/** Fields of a later version, in every wire type except groups. */
const unknownField: fc.Arbitrary<number[]> = fc.oneof(
  fc.tuple(unknownNumbers, uint64).map(([field, value]) => number(field, value)),
  fc.tuple(unknownNumbers, uint64).map(([field, value]) => fixed64(field, value)),
  fc.tuple(unknownNumbers, byteList).map(([field, bytes]) => bytesField(field, bytes)),
  unknownNumbers.map((field) => [...tag(field, 5), 1, 2, 3, 4]),
);

/** The required fields, so that a frame is complete whatever follows. */
const least = [...bytesField(1, text('least')), ...fixed64(2, 9n), ...number(5, 2n)];

function assertReadsAlike(bytes: Uint8Array, header: FrameHeader): void {
  const frame = fromBinary(FrameSchema, bytes);
  const { payloadOffset, payloadLength, ...fields } = header;
  assert.deepEqual(fields, {
    stream: frame.stream,
    epoch: frame.epoch,
    sequence: Number(frame.sequence),
    captureUs: Number(frame.captureUs),
    kind: frame.kind,
    flags: frame.flags,
    participant: frame.participant,
    position: Number(frame.position),
    keySequence: Number(frame.keySequence),
  });
  assert.ok(payloadOffset >= 0 && payloadOffset + payloadLength <= bytes.length);
  assert.deepEqual(new Uint8Array(framePayload(bytes, header)), new Uint8Array(frame.payload));
}

/**
 * Returns peekFrame's header, or undefined if it refused. Any error except WireError fails the
 * test.
 */
function peekOrRefuse(bytes: Uint8Array): FrameHeader | undefined {
  try {
    return peekFrame(bytes);
  } catch (error) {
    assert.ok(error instanceof WireError, `threw ${error}`);
    return undefined;
  }
}

test('reads as the generated codec does: fields in any order, repeated or unknown, and overlong varints', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(knownField, unknownField), { maxLength: 25 }), fc.nat(25), (fields, place) => {
      const list = [...fields.slice(0, place), least, ...fields.slice(place)];
      const bytes = Uint8Array.from(list.flat());
      assertReadsAlike(bytes, peekFrame(bytes));
    }),
    { numRuns: 1_000 },
  );
});

test('the last of a repeated field wins', () => {
  const header = peekFrame(
    Uint8Array.from([
      ...least,
      ...bytesField(1, text('first')),
      ...number(3, 5n),
      ...bytesField(15, [1]),
      ...bytesField(1, text('last')),
      ...number(3, 6n),
      ...bytesField(15, [2, 3]),
    ]),
  );
  assert.equal(header.stream, 'last');
  assert.equal(header.sequence, 6);
  assert.equal(header.payloadLength, 2);
});

test('no state is kept from frame to frame: names and epochs that share bytes are not confused', () => {
  const name = fc.constantFrom('a', 'b', 'ab', 'ac', 'bb', 'least');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.constantFrom(1n, 256n, 257n, 2n ** 63n)), { minLength: 2, maxLength: 8 }), (list) => {
      for (const [stream, epoch] of list) {
        const header = peekFrame(Uint8Array.from([...number(5, 1n), ...bytesField(1, text(stream)), ...fixed64(2, epoch)]));
        assert.deepEqual([header.stream, header.epoch], [stream, epoch]);
      }
    }),
  );
});

test('a view into a larger buffer is read within its bounds only', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(knownField, unknownField), { maxLength: 8 }), fc.nat(400), byteList, (fields, cut, around) => {
      const whole = [...least, ...fields.flat()];
      const bytes = Uint8Array.from(whole.slice(0, cut));
      const outer = Uint8Array.from([...around, ...bytes, ...whole.slice(cut), ...around]);
      const view = outer.subarray(around.length, around.length + bytes.length);
      assert.deepEqual(peekOrRefuse(view), peekOrRefuse(bytes));
    }),
  );
});

test('random bytes give a WireError, or the header that the generated codec reads', () => {
  const noise = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(fc.boolean(), noise, (whole, random) => {
      const bytes = whole ? Uint8Array.from([...least, ...random]) : random;
      const header = peekOrRefuse(bytes);
      if (header !== undefined) assertReadsAlike(bytes, header);
    }),
    { numRuns: 5_000 },
  );
});

test('frames with a few bytes changed, inserted or removed read as the generated codec reads them', () => {
  const change = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'insert', 'remove'));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(knownField, unknownField), { maxLength: 8 }),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (fields, changes) => {
        const list = [...least, ...fields.flat()];
        for (const [place, byte, how] of changes)
          list.splice(place % (list.length + 1), how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [byte]));
        const bytes = Uint8Array.from(list);
        const header = peekOrRefuse(bytes);
        if (header !== undefined) assertReadsAlike(bytes, header);
      },
    ),
    { numRuns: 3_000 },
  );
});

test('unknown fields may hold any 64-bit varint', () => {
  for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
    peekFrame(Uint8Array.from([...least, ...number(10, value), ...number(4096, value)]));
});

const refused: Record<string, number[]> = {
  'no stream': [...fixed64(2, 9n), ...number(5, 2n)],
  'no epoch': [...bytesField(1, text('s')), ...number(5, 2n)],
  'no kind': [...bytesField(1, text('s')), ...fixed64(2, 9n)],
  'an empty message': [],
  'an empty stream name, even if another follows': [...bytesField(1, []), ...least],
  'a stream name with a slash': [...least, ...bytesField(1, text('a/b'))],
  'a stream name that is not ASCII': [...least, ...bytesField(1, [0xc3, 0xa9])],
  'a stream name of 65 bytes': [...least, ...bytesField(1, text('x'.repeat(65)))],
  'kind 6': [...least, ...number(5, 6n)],
  'kind 63': [...least, ...number(5, 63n)],
  'kind 128': [...least, ...number(5, 128n)],
  'a negative kind, in 10 bytes': [...least, ...number(5, 2n ** 64n - 1n)],
  'kind 0, written out, before another': [...number(5, 0n), ...least],
  'kind 6 before another': [...number(5, 6n), ...least],
  'epoch 0 before another': [...fixed64(2, 0n), ...least],
  'epoch 0 after another': [...least, ...fixed64(2, 0n)],
  'a kind that differs from AUDIO only in bit 32': [...least, ...number(5, 2n ** 32n + 2n)],
  ...Object.fromEntries([3, 4, 8, 9].map((field) => [`field ${field} at 2^53`, [...least, ...number(field, 2n ** 53n)]])),
  ...Object.fromEntries([3, 4, 8, 9].map((field) => [`field ${field} at 2^64 - 1`, [...least, ...number(field, 2n ** 64n - 1n)]])),
  ...Object.fromEntries([6, 7].map((field) => [`field ${field} at 2^32`, [...least, ...number(field, 2n ** 32n)]])),
  ...Object.fromEntries([1, 2, 15].map((field) => [`field ${field} as a varint`, [...least, ...number(field, 1n)]])),
  ...Object.fromEntries([1, 3, 5, 15].map((field) => [`field ${field} as a fixed64`, [...least, ...fixed64(field, 1n)]])),
  ...Object.fromEntries([2, 3, 5].map((field) => [`field ${field} as bytes`, [...least, ...bytesField(field, [1])]])),
  ...Object.fromEntries([1, 2, 3, 15].map((field) => [`field ${field} as a fixed32`, [...least, ...tag(field, 5), 1, 2, 3, 4]])),
  'a group of an unknown field': [...least, ...tag(20, 3), ...tag(20, 4)],
  'the end of a group': [...least, ...tag(20, 4)],
  'wire type 6': [...least, ...tag(20, 6)],
  'wire type 7': [...least, ...tag(20, 7)],
  'field number 0': [...least, 0, 0],
  'a field number above 2^29 - 1': [...least, ...varint(2n ** 32n), 0],
  'a tag of 6 bytes': [...least, ...varint(80n, 5), 0],
  'a varint of 11 bytes': [...least, ...tag(10, 0), ...Array(10).fill(0x80), 0],
  'a varint of 65 bits in an unknown field': [...least, ...tag(10, 0), ...varint(2n ** 64n)],
  'a varint of 70 bits in an unknown field': [...least, ...tag(10, 0), ...varint(2n ** 70n - 1n)],
  'a length beyond the end': [...least, ...tag(15, 2), 1],
  'a length of 2^32 + 1, which 32 bits would read as 1': [...least, ...tag(15, 2), ...varint(2n ** 32n + 1n), 7],
  'a length of 2^64 - 1': [...least, ...tag(15, 2), ...varint(2n ** 64n - 1n)],
  'a tag without a value': [...least, ...tag(3, 0)],
  'a fixed64 cut short': [...least, ...tag(20, 1), 1, 2, 3],
  'a fixed32 cut short': [...least, ...tag(20, 5), 1, 2, 3],
};
for (const [what, bytes] of Object.entries(refused))
  test(`refuses ${what}`, () => {
    peekFrame(Uint8Array.from(least));
    assert.throws(() => peekFrame(Uint8Array.from(bytes)), WireError);
  });

test('only bit 0 marks a key', () => {
  for (const flags of [0, 1, 2, 3, 2 ** 32 - 2, 2 ** 32 - 1])
    assert.equal(isKey(peekFrame(Uint8Array.from([...least, ...number(6, BigInt(flags))]))), flags % 2 === 1);
});
