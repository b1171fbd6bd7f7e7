// Frames in messages: one frame per message, and several by concatenation. The bytes equal those of
// the generated codec.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { encodeEnvelope } from './envelope.ts';
import { EnvelopeSchema, LiveFrameSchema } from './gen/hayate/v1/live_pb.ts';
import { ClientMessageSchema, ServerMessageSchema } from './gen/hayate/v1/message_pb.ts';
import { encodeServerFrame, viewServerFrame } from './message.ts';

const frameLists = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });

test('concatenated messages of one frame each equal the generated codec’s bytes of one message with all frames, in both directions', () => {
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

test('a frame of any size up to the limit has the right length prefix', () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 65_536]) {
    const bytes = encodeServerFrame(new Uint8Array(size).fill(7));
    assert.equal(fromBinary(ServerMessageSchema, bytes).frames[0]?.length, size);
  }
});

test('a frame that was read from an Envelope is sent without a copy, and its field numbers allow that', () => {
  for (const schema of [LiveFrameSchema, ServerMessageSchema])
    assert.equal(schema.fields.find(({ name }) => name === 'frame' || name === 'frames')?.number, 1);
  fc.assert(
    fc.property(frameLists, (contents) => {
      const frames = contents.map((frame, i) => ({ frame, receivedUnixUs: 7 * i, previousPlusOne: i }));
      const envelope = encodeEnvelope(new Uint8Array(), frames);
      for (const [i, { frame }] of fromBinary(EnvelopeSchema, envelope).frames.entries()) {
        const message = viewServerFrame(frame);
        assert.deepEqual([...message], [...encodeServerFrame(contents[i] ?? new Uint8Array())]);
        if (frame.length > 0) assert.equal(message.buffer, envelope.buffer);
      }
    }),
  );
});

test('a frame without the shortest prefix before it in its buffer is copied', () => {
  const content = [9, 8, 7];
  for (const before of [[0x0a, 0x83, 0x00], [0x12, 3], [0x0a, 4], [3], []]) {
    const buffer = Uint8Array.from([...before, ...content]);
    const message = viewServerFrame(buffer.subarray(before.length));
    assert.notEqual(message.buffer, buffer.buffer);
    assert.deepEqual([...message], [0x0a, 3, ...content]);
  }
});
