// Frames in messages: one per message, and many by concatenation, equal to what the generated codec does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ClientMessageSchema, ServerMessageSchema } from './gen/hayate/v1/message_pb.ts';
import { encodeServerFrame } from './message.ts';

const frameLists = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });

test('concatenated messages of one frame are the generated codec’s bytes of one message of them all, in both directions', () => {
  fc.assert(
    fc.property(frameLists, (frames) => {
      const bytes = Buffer.concat(frames.map(encodeServerFrame));
      for (const schema of [ServerMessageSchema, ClientMessageSchema]) {
        assert.deepEqual(new Uint8Array(bytes), toBinary(schema, create(schema, { frames })));
        assert.deepEqual(
          fromBinary(schema, bytes).frames.map((frame) => [...frame]),
          frames.map((frame) => [...frame]),
        );
      }
    }),
  );
});

test('a frame of any size up to the limit keeps its length prefix right', () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 65_536]) {
    const bytes = encodeServerFrame(new Uint8Array(size).fill(7));
    assert.equal(fromBinary(ServerMessageSchema, bytes).frames[0]?.length, size);
  }
});
