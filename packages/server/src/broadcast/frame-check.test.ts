import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AudioSchema, encodeFrame, type FrameFields, Kind, StreamHeaderSchema, WireError } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';
import { checkFrame, type FrameExpectation } from './frame-check.ts';

const expected: FrameExpectation = { stream: 'hoshi', epoch: 7n, frameBytesMax: 65_536, sequenceEnd: 1_000 };
const frame = (fields: Partial<FrameFields>): Uint8Array =>
  encodeFrame({ stream: 'hoshi', epoch: 7n, sequence: 5, captureUs: 0, kind: Kind.EVENT, payload: new Uint8Array(10), ...fields });
const audio = (content: MessageInitShape<typeof AudioSchema>): Uint8Array =>
  frame({ kind: Kind.AUDIO, payload: toBinary(AudioSchema, create(AudioSchema, content)) });
const header = (title: string): Uint8Array => toBinary(StreamHeaderSchema, create(StreamHeaderSchema, { title }));
/** A TOC for one 20 ms CELT frame, and its content. */
const packet = Uint8Array.of(0xf8, 1, 2);

const refuses = (bytes: Uint8Array, message: RegExp, over: Partial<FrameExpectation> = {}) =>
  assert.throws(
    () => checkFrame(bytes, { ...expected, ...over }),
    (error) => error instanceof WireError && message.test(error.message),
  );
const closes = (bytes: Uint8Array, closeCode: string, over: Partial<FrameExpectation> = {}) =>
  assert.throws(
    () => checkFrame(bytes, { ...expected, ...over }),
    (error) => error instanceof HayateError && error.closeCode === closeCode,
  );
const takes = (bytes: Uint8Array, over: Partial<FrameExpectation> = {}) => checkFrame(bytes, { ...expected, ...over });

test('a frame of the largest size that a broadcaster is told of passes, and one byte more is FRAME_TOO_BIG', () => {
  const bytes = frame({});
  takes(bytes, { frameBytesMax: bytes.length });
  closes(bytes, 'FRAME_TOO_BIG', { frameBytesMax: bytes.length - 1 });
});

test('a frame never enters another stream or another broadcast of the same stream', () => {
  closes(frame({ stream: 'other' }), 'WRONG_STREAM');
  closes(frame({ epoch: 8n }), 'WRONG_STREAM');
});

test('a sequence may jump to just below the bound, so that a client cannot make the server track a huge hole', () => {
  assert.equal(takes(frame({ sequence: 999 })).header.sequence, 999);
  closes(frame({ sequence: 1_000 }), 'SEQUENCE_INVALID');
});

test('an epoch begins with a HEADER, whose content the listing shows', () => {
  refuses(frame({ sequence: 0 }), /first frame of an epoch must be a HEADER/);
  assert.equal(takes(frame({ sequence: 0, kind: Kind.HEADER, payload: header('Stars') })).streamHeader?.title, 'Stars');
  assert.equal(takes(frame({ sequence: 9, kind: Kind.HEADER, payload: header('Moon') })).streamHeader?.title, 'Moon');
  assert.equal(takes(frame({})).streamHeader, undefined);
});

test('participants are 0 to 63: every viewer and the archive have a place for these and for no more', () => {
  assert.equal(takes(frame({ participant: 63 })).header.participant, 63);
  refuses(frame({ participant: 64 }), /from 0 to 63/);
});

test('an AUDIO frame holds 1 to 64 packets of Opus, so that the archive can write it as Ogg', () => {
  takes(audio({ packets: [packet] }));
  takes(audio({ packets: Array.from({ length: 64 }, () => packet) }));
  refuses(audio({ packets: [] }), /without packets/);
  refuses(audio({ packets: Array.from({ length: 65 }, () => packet) }), /1 to 64 packets/);
  assert.throws(() => checkFrame(audio({ packets: [packet, new Uint8Array()] }), expected));
});

test('a level is optional and at most 127, the quietest of RFC 6464', () => {
  takes(audio({ packets: [packet], level: 0 }));
  takes(audio({ packets: [packet], level: 127 }));
  refuses(audio({ packets: [packet], level: 128 }), /above 127/);
});
