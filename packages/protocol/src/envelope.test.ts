// Compares the hand-written envelope encoder with the generated codec.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { encodeEnvelope } from './envelope.ts';
import { EnvelopeSchema, LiveFrameSchema } from './server.ts';

test('the bytes equal those of the generated codec, for any head and any frames', () => {
  const head = fc.record({
    stream: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
    epoch: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    generation: fc.nat(),
    incarnation: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  });
  const frames = fc.array(
    fc.record({
      frame: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 16_380, maxLength: 16_390 })),
      receivedUnixUs: fc.maxSafeNat(),
      previousPlusOne: fc.maxSafeNat(),
    }),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(head, frames, (common, list) => {
      const live = list.map(({ frame, receivedUnixUs, previousPlusOne }) =>
        create(LiveFrameSchema, { frame, receivedUnixUs: BigInt(receivedUnixUs), previousPlusOne: BigInt(previousPlusOne) }),
      );
      const expected = toBinary(EnvelopeSchema, create(EnvelopeSchema, { ...common, frames: live }));
      const bytes = encodeEnvelope(toBinary(EnvelopeSchema, create(EnvelopeSchema, common)), list);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(expected));
    }),
  );
});
