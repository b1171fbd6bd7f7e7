// Frame vectors: each kind, the forms that other writers may give a frame, and frames that readers
// must refuse.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import {
  AudioSchema,
  type Event,
  EventSchema,
  encodeFrame,
  type FrameFields,
  FrameFlag,
  FrameSchema,
  Kind,
  Limits,
  MotionSchema,
  StreamHeaderSchema,
} from '../../src/index.ts';
import { deltaPayload, keyPayload } from './motion.ts';
import { decodedJson, invalid, type Vector, valid } from './vector.ts';

/** The epoch of every vector: 2026-01-01T00:00:00Z, random bits 0xabcde. */
export const EPOCH = (1_767_225_600_000n << 20n) | 0xabcden;
const BASE = { stream: 'studio-7', epoch: EPOCH, sequence: 0, captureUs: 0, payload: new Uint8Array() };

/** A frame whose payload is a message of the contract. */
function framed(
  name: string,
  about: string,
  fields: Omit<FrameFields, 'stream' | 'epoch'>,
  schema: typeof AudioSchema | typeof EventSchema | typeof MotionSchema | typeof StreamHeaderSchema,
): Vector {
  const vector = valid(name, FrameSchema, about, encodeFrame({ ...BASE, ...fields }));
  return { ...vector, payload: { message: schema.name, value: decodedJson(schema, fields.payload) } };
}

function event(name: string, about: string, sequence: number, body: MessageInitShape<GenMessage<Event>>['body']): Vector {
  const payload = toBinary(EventSchema, create(EventSchema, body === undefined ? {} : { body }));
  return framed(`frame-event-${name}`, about, { sequence, captureUs: 2_000_000 + sequence, kind: Kind.EVENT, payload }, EventSchema);
}

type Header = MessageInitShape<typeof StreamHeaderSchema>;
const headerOf = (fields: Header) => toBinary(StreamHeaderSchema, create(StreamHeaderSchema, fields));

const streamHeader = headerOf({
  title: 'Evening radio 夜',
  avatar: 'https://example.com/avatar.vrm',
  audio: { codec: 'opus', channels: 1, preSkip: 312, inputSampleRate: 48_000 },
  motion: { rate: 30, keyIntervalMs: 1_000 },
  participants: [{ number: 1, name: 'Guest', avatar: '' }],
  originUnixUs: 1_767_225_600_123_456n,
  originErrorUs: 4_200,
});
/**
 * Text in many scripts. The title has exactly 200 UTF-16 code units, more bytes and fewer code
 * points.
 */
const textHeader = headerOf({
  title: `今夜も歌枠 👨‍👩‍👧‍👦 🇯🇵 葛\u{e0100} \u200fمرحبا\u200e می\u200cخواهم สวัสดี ${'🎤'.repeat(74)}!`,
  participants: [
    { number: 1, name: '星野 ひかり' },
    { number: 63, name: '星野 ひかり', avatar: 'https://例え.jp/アバター.vrm' },
  ],
});
const audio = toBinary(AudioSchema, create(AudioSchema, { packets: [Uint8Array.of(0x78, 1, 2, 3), Uint8Array.of(0x78, 4, 5)], level: 23 }));

const kinds: Vector[] = [
  framed(
    'frame-header',
    'HEADER, the first frame of an epoch',
    { sequence: 0, captureUs: 0, kind: Kind.HEADER, payload: streamHeader },
    StreamHeaderSchema,
  ),
  framed(
    'frame-header-text',
    'HEADER with text of many scripts: a title of 200 UTF-16 code units, two participants of one name',
    { sequence: 0, captureUs: 0, kind: Kind.HEADER, payload: textHeader },
    StreamHeaderSchema,
  ),
  framed(
    'frame-audio',
    'AUDIO: two Opus packets of 20 ms, with level',
    { sequence: 1, captureUs: 20_000, kind: Kind.AUDIO, position: 960, payload: audio },
    AudioSchema,
  ),
  framed(
    'frame-motion-key',
    'MOTION, a key pose',
    { sequence: 2, captureUs: 33_333, kind: Kind.MOTION, flags: FrameFlag.KEY, payload: keyPayload },
    MotionSchema,
  ),
  framed(
    'frame-motion-delta',
    'MOTION, a delta over sequence 2',
    { sequence: 3, captureUs: 66_667, kind: Kind.MOTION, keySequence: 2, payload: deltaPayload },
    MotionSchema,
  ),
  framed(
    'frame-motion-participant',
    'MOTION, a key pose of participant 1',
    { sequence: 4, captureUs: 66_667, kind: Kind.MOTION, flags: FrameFlag.KEY, participant: 1, payload: keyPayload },
    MotionSchema,
  ),
  event('comment', 'EVENT: a comment', 5, { case: 'comment', value: { author: 'Mika', text: 'こんばんは' } }),
  event('gift', 'EVENT: a gift', 6, { case: 'gift', value: { author: 'Mika', item: 'star', count: 3 } }),
  event('costume', 'EVENT: another avatar', 7, { case: 'costume', value: { avatar: 'https://example.com/coat.vrm' } }),
  event('joined', 'EVENT: participant 2 joins', 8, { case: 'joined', value: { participant: { number: 2, name: 'Ren', avatar: '' } } }),
  event('left', 'EVENT: participant 2 leaves', 9, { case: 'left', value: { number: 2 } }),
  event('custom', 'EVENT: an event of the application', 10, { case: 'custom', value: { type: 'vote', data: Uint8Array.of(0, 255, 1) } }),
  valid(
    'frame-game-key',
    FrameSchema,
    'GAME, a key state; the payload is the application’s',
    encodeFrame({ ...BASE, sequence: 11, captureUs: 2_100_000, kind: Kind.GAME, flags: FrameFlag.KEY, payload: Uint8Array.of(9, 8, 7) }),
  ),
  valid(
    'frame-kind-64',
    FrameSchema,
    'the first kind for applications',
    encodeFrame({ ...BASE, sequence: 12, captureUs: 2_200_000, kind: 64, payload: Uint8Array.of(1) }),
  ),
  valid('frame-least', FrameSchema, 'every optional field is absent', encodeFrame({ ...BASE, kind: Kind.EVENT })),
  valid(
    'frame-largest',
    FrameSchema,
    'the largest value of every number, and the longest stream name',
    encodeFrame({
      stream: 'x'.repeat(64),
      epoch: 2n ** 64n - 1n,
      sequence: Number.MAX_SAFE_INTEGER,
      captureUs: Number.MAX_SAFE_INTEGER,
      kind: 127,
      flags: 2 ** 32 - 1,
      participant: 63,
      position: Number.MAX_SAFE_INTEGER,
      keySequence: Number.MAX_SAFE_INTEGER,
      payload: Uint8Array.of(255),
    }),
  ),
];

// Pieces of frames, written out byte by byte: forms that encodeFrame never writes but readers must
// accept or refuse.
const name = [0x0a, 1, 0x61];
const epoch = [0x11, ...new Uint8Array(new BigUint64Array([EPOCH]).buffer)];
const kind = [0x28, 2];
const least = [...name, ...epoch, ...kind];
const maxVarint = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
const of = (...bytes: number[]) => Uint8Array.from(bytes);

const forms: Vector[] = [
  valid(
    'frame-order-reversed',
    FrameSchema,
    'fields in descending order, the payload first',
    of(0x7a, 2, 5, 6, 0x40, 10, 0x20, 7, 0x18, 3, ...kind, ...epoch, ...name),
  ),
  valid(
    'frame-repeated-fields',
    FrameSchema,
    'fields that occur twice: the last wins',
    of(0x0a, 1, 0x62, 0x18, 1, 0x7a, 1, 9, ...least, 0x18, 2, 0x7a, 2, 8, 7),
  ),
  valid(
    'frame-unknown-fields',
    FrameSchema,
    'unknown fields 10, 11, 12, 14 and 16 in wire types 0, 1, 5, 2 and 0, to be skipped',
    of(
      0x50,
      ...maxVarint,
      ...name,
      0x59,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      ...epoch,
      0x65,
      1,
      2,
      3,
      4,
      ...kind,
      0x72,
      3,
      1,
      2,
      3,
      0x80,
      0x01,
      5,
      0x18,
      4,
    ),
  ),
  valid(
    'frame-overlong-varints',
    FrameSchema,
    'sequence 5 in 3 bytes, capture 6 in 10, a payload length in 2',
    of(...least, 0x18, 0x85, 0x80, 0, 0x20, 0x86, 128, 128, 128, 128, 128, 128, 128, 128, 0, 0x7a, 0x81, 0, 42),
  ),
];

const broken: Vector[] = (
  [
    ['empty', 'no bytes at all', []],
    ['no-stream', 'no stream name', [...epoch, ...kind]],
    ['no-epoch', 'no epoch', [...name, ...kind]],
    ['no-kind', 'no kind', [...name, ...epoch]],
    ['kind-6', 'a kind that is not assigned', [...least, 0x28, 6]],
    ['kind-negative', 'kind -1, an enum in 10 bytes', [...least, 0x28, ...maxVarint]],
    ['stream-slash', 'a stream name with a slash', [...least, 0x0a, 3, 0x61, 0x2f, 0x62]],
    ['stream-long', 'a stream name of 65 bytes', [...least, 0x0a, 65, ...Array(65).fill(0x78)]],
    ['sequence-2-53', 'sequence 2^53', [...least, 0x18, 128, 128, 128, 128, 128, 128, 128, 16]],
    ['flags-2-32', 'flags 2^32', [...least, 0x30, 128, 128, 128, 128, 16]],
    ['wire-type', 'the sequence as a fixed64', [...least, 0x19, 1, 0, 0, 0, 0, 0, 0, 0]],
    ['group', 'a group (wire types 3 and 4), unknown field 20', [...least, 0xa3, 1, 0xa4, 1]],
    ['field-0', 'field number 0', [...least, 0, 0]],
    ['varint-11', 'a varint of 11 bytes', [...least, 0x50, ...Array(10).fill(128), 0]],
    ['tag-6', 'a tag of 6 bytes', [...least, 0xd0, 128, 128, 128, 128, 0, 1]],
    ['earlier-kind', 'a kind that is not assigned, then one that is', [0x28, 6, ...least]],
    ['earlier-epoch', 'epoch 0, then another', [0x11, 0, 0, 0, 0, 0, 0, 0, 0, ...least]],
    ['earlier-stream', 'an empty stream name, then another', [0x0a, 0, ...least]],
    ['earlier-stream-slash', 'a stream name with a slash, then another', [0x0a, 3, 0x61, 0x2f, 0x62, ...least]],
    ['earlier-sequence', 'sequence 2^53, then sequence 4', [0x18, 128, 128, 128, 128, 128, 128, 128, 16, ...least, 0x18, 4]],
    ['earlier-capture', 'capture 2^53, then capture 4', [0x20, 128, 128, 128, 128, 128, 128, 128, 16, ...least, 0x20, 4]],
    ['earlier-flags', 'flags 2^32, then flags 1', [0x30, 128, 128, 128, 128, 16, ...least, 0x30, 1]],
    ['earlier-participant', 'participant 2^32, then participant 1', [0x38, 128, 128, 128, 128, 16, ...least, 0x38, 1]],
    ['earlier-position', 'position 2^53, then position 4', [0x40, 128, 128, 128, 128, 128, 128, 128, 16, ...least, 0x40, 4]],
    ['earlier-key-sequence', 'key sequence 2^53, then 4', [0x48, 128, 128, 128, 128, 128, 128, 128, 16, ...least, 0x48, 4]],
    ['earlier-wire-type', 'the sequence as a fixed64, then as a varint', [0x19, 4, 0, 0, 0, 0, 0, 0, 0, ...least, 0x18, 4]],
    ['earlier-payload', 'the payload as a varint, then as bytes', [0x78, 1, ...least, 0x7a, 1, 5]],
    ['wire-type-6', 'an unknown field of wire type 6', [...least, 0x56, 0]],
    ['field-2-29', 'field number 2^29', [...least, 0x80, 128, 128, 128, 16, 0]],
    ['group-known', 'the payload as a group', [...least, 0x7b, 0x7c]],
    ['length-65-bits', 'a payload whose length is 2^64', [...least, 0x7a, ...Array(9).fill(128), 2, 1]],
    ['length-2-32', 'a payload whose length is 2^32 + 1', [...least, 0x7a, 129, 128, 128, 128, 16, 1]],
    ['position-2-53', 'position 2^53', [...least, 0x40, 128, 128, 128, 128, 128, 128, 128, 16]],
    ['varint-cut-short', 'a sequence that ends within its varint', [...least, 0x18, 0x80]],
    ['varint-65-bits', 'an unknown field whose varint has 65 bits', [...least, 0x50, ...Array(9).fill(128), 2]],
    ['cut-short', 'a payload longer than the remaining bytes', [...least, 0x7a, 5, 1, 2]],
  ] as const
).map(([which, about, bytes]) => invalid(`frame-bad-${which}`, 'Frame', about, Uint8Array.from(bytes)));

/** HEADER frames that are well formed, but whose payload servers refuse. */
const refusedHeaders: Vector[] = (
  [
    ['title-bidi', 'a title with a right-to-left override, U+202E', { title: 'a\u202eb' }],
    ['title-isolate', 'a title with a right-to-left isolate, U+2067', { title: 'a\u2067b' }],
    ['title-escape', 'a title with an escape sequence, U+001B', { title: '\u001b[2J' }],
    ['title-c1', 'a title with a control character of C1, U+009B', { title: '\u009b2J' }],
    ['title-line', 'a title of two lines', { title: 'one\ntwo' }],
    ['title-separator', 'a title with a line separator, U+2028', { title: 'one\u2028two' }],
    ['title-bom', 'a title that begins with a byte order mark', { title: '\ufefftitle' }],
    ['title-noncharacter', 'a title with a noncharacter, U+1FFFE', { title: '\u{1fffe}' }],
    ['title-long', 'a title of 201 UTF-16 code units, though of 101 code points', { title: `${'🎤'.repeat(100)}!` }],
    ['name-long', 'a participant’s name of 101 UTF-16 code units', { participants: [{ number: 1, name: 'x'.repeat(101) }] }],
    ['name-tab', 'a participant’s name with a tab', { participants: [{ number: 1, name: 'a\tb' }] }],
    ['participant-0', 'participant 0 in the list', { participants: [{ number: 0, name: 'a' }] }],
    ['participant-64', 'a participant 64', { participants: [{ number: 64, name: 'a' }] }],
    ['participant-twice', 'two participants of one number', { participants: [{ number: 1 }, { number: 1 }] }],
    ['key-interval', 'a key interval of 1,001 ms', { motion: { keyIntervalMs: 1_001 } }],
    ['avatar-http', 'an avatar over plain http', { avatar: 'http://example.com/a.vrm' }],
    ['avatar-control', 'a participant’s avatar with a control character', { participants: [{ number: 1, avatar: 'https://a/\u007f' }] }],
  ] satisfies [string, string, Header][]
).map(([which, about, fields]) =>
  invalid(`frame-bad-${which}`, 'Frame', about, encodeFrame({ ...BASE, kind: Kind.HEADER, payload: headerOf(fields) })),
);

/** Well-formed frames that servers refuse from a broadcaster. */
const refusedFrames: Vector[] = [
  invalid('frame-bad-first', 'Frame', 'sequence 0 is not a HEADER', encodeFrame({ ...BASE, kind: Kind.EVENT })),
  invalid(
    'frame-bad-participant',
    'Frame',
    'a pose of participant 64',
    encodeFrame({ ...BASE, sequence: 1, kind: Kind.MOTION, flags: FrameFlag.KEY, participant: 64 }),
  ),
];

const audioOf = (fields: MessageInitShape<typeof AudioSchema>) => toBinary(AudioSchema, create(AudioSchema, fields));
const voice = Uint8Array.of(0x78, 1);

/** AUDIO frames that are well formed, but whose payload servers refuse. */
const refusedAudio: Vector[] = (
  [
    ['audio-none', 'AUDIO without packets', { level: 23 }],
    ['audio-empty-packet', 'AUDIO with an empty packet after a good one (RFC 6716, R1)', { packets: [voice, new Uint8Array()] }],
    ['audio-no-frames', 'AUDIO with a packet of no frames (RFC 6716, R5)', { packets: [Uint8Array.of(0x7b, 0)] }],
    ['audio-uneven', 'AUDIO with a code 1 packet of odd length (RFC 6716, R3)', { packets: [Uint8Array.of(0x79, 0)] }],
    ['audio-too-many', 'AUDIO with one packet more than the limit', { packets: Array(Limits.audioPacketsMax + 1).fill(voice) }],
    ['audio-level-128', 'AUDIO with level 128', { packets: [voice], level: 128 }],
  ] satisfies [string, string, MessageInitShape<typeof AudioSchema>][]
).map(([which, about, fields]) =>
  invalid(`frame-bad-${which}`, 'Frame', about, encodeFrame({ ...BASE, sequence: 1, kind: Kind.AUDIO, payload: audioOf(fields) })),
);

/** All frame vectors. */
export const frameVectors: readonly Vector[] = [...kinds, ...forms, ...broken, ...refusedHeaders, ...refusedFrames, ...refusedAudio];
