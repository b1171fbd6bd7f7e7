// Payloads and messages that a server must refuse, because Protobuf codecs differ on them. Each is
// written out byte by byte, since none of Hayate's codecs writes it.
import { invalid, type Vector } from './vector.ts';

/** A varint of 2^64, and one of 11 bytes. */
const overlong = [...Array<number>(9).fill(0x80), 2];
const eleven = [...Array<number>(10).fill(0x80), 0];
const packet = [0x0a, 1, 0x78];

const refused: readonly (readonly [name: string, message: string, about: string, bytes: readonly number[]])[] = [
  ['audio-bad-wire-type', 'Audio', 'a packet as a varint; some codecs skip it as an unknown field', [0x0a, 1, 0x78, 0x08, 5]],
  ['audio-bad-level-2-32', 'Audio', 'level 2^32, which some codecs cut to 0', [0x0a, 1, 0x78, 0x10, 128, 128, 128, 128, 16]],
  ['audio-bad-varint-65-bits', 'Audio', 'an unknown varint of 65 bits', [...packet, 0x18, ...overlong]],
  ['audio-bad-varint-11', 'Audio', 'an unknown varint of 11 bytes', [...packet, 0x18, ...eleven]],
  ['audio-bad-level-65-bits', 'Audio', 'level 2^64', [...packet, 0x10, ...overlong]],
  ['audio-bad-level-fixed32', 'Audio', 'the level as a fixed32', [...packet, 0x15, 23, 0, 0, 0]],
  ['audio-bad-earlier-level', 'Audio', 'level 2^32, then level 23', [...packet, 0x10, 128, 128, 128, 128, 16, 0x10, 23]],
  ['audio-bad-earlier-wire-type', 'Audio', 'a packet as a varint, then a packet', [0x08, 5, ...packet]],
  ['audio-bad-length-65-bits', 'Audio', 'a packet whose length is 2^64', [0x0a, ...overlong, 0x78]],
  ['audio-bad-length-2-32', 'Audio', 'a packet whose length is 2^32 + 1', [0x0a, 129, 128, 128, 128, 16, 0x78]],
  ['audio-bad-group', 'Audio', 'a group of an unknown field', [...packet, 0x1b, 0x1c]],
  ['audio-bad-field-0', 'Audio', 'field number 0', [...packet, 0x00, 0]],
  ['audio-bad-wire-type-7', 'Audio', 'an unknown field of wire type 7', [...packet, 0x1f, 0]],
  ['audio-bad-tag-6', 'Audio', 'a tag of 6 bytes', [...packet, 0x98, 128, 128, 128, 128, 0, 1]],
  ['audio-bad-cut-short', 'Audio', 'a packet longer than the payload', [0x0a, 9, 0x78]],
  ['header-bad-wire-type', 'StreamHeader', 'the title as a fixed32', [0x0d, 0x61, 0x62, 0x63, 0x64]],
  ['header-bad-utf-8', 'StreamHeader', 'a title that is not UTF-8', [0x0a, 2, 0xc3, 0x28]],
  ['header-bad-surrogate', 'StreamHeader', 'a title with an encoded surrogate', [0x0a, 3, 0xed, 0xa0, 0x80]],
  ['header-bad-channels-2-32', 'StreamHeader', 'audio.channels 2^32 + 1', [0x1a, 6, 0x10, 129, 128, 128, 128, 16]],
  ['header-bad-nested-wire-type', 'StreamHeader', "a participant's name as a varint", [0x2a, 4, 0x08, 1, 0x10, 65]],
  ['header-bad-origin-65-bits', 'StreamHeader', 'origin_unix_us 2^64', [0x30, ...overlong]],
  ['header-bad-origin-error-2-32', 'StreamHeader', 'origin_error_us 2^32', [0x38, 128, 128, 128, 128, 16]],
  ['header-bad-nested-varint-65-bits', 'StreamHeader', 'an unknown varint of 65 bits in audio', [0x1a, 11, 0x28, ...overlong]],
  ['header-bad-nested-cut-short', 'StreamHeader', 'a codec name longer than audio', [0x1a, 4, 0x0a, 9, 0x6f, 0x70]],
  ['header-bad-nested-group', 'StreamHeader', 'a group in a participant', [0x2a, 4, 0x08, 1, 0x23, 0x24]],
  ['header-bad-nested-utf-8', 'StreamHeader', "a participant's name that is not UTF-8", [0x2a, 5, 0x08, 1, 0x12, 1, 0xff]],
  ['header-bad-overlong-utf-8', 'StreamHeader', 'a title with a slash in two bytes', [0x0a, 2, 0xc0, 0xaf]],
  ['header-bad-earlier-title', 'StreamHeader', 'a title that is not UTF-8, then one that is', [0x0a, 1, 0xff, 0x0a, 1, 0x61]],
  ['header-bad-earlier-audio', 'StreamHeader', 'audio as a varint, then audio', [0x18, 1, 0x1a, 2, 0x10, 1]],
  ['header-bad-motion-wire-type', 'StreamHeader', 'motion.rate as a fixed64', [0x22, 9, 0x09, 30, 0, 0, 0, 0, 0, 0, 0]],
  ['client-bad-varint-65-bits', 'ClientMessage', 'an unknown varint of 65 bits', [0xa0, 6, ...overlong]],
  ['client-bad-cut-short', 'ClientMessage', 'a frame longer than the message', [0x0a, 9, 1]],
  ['client-bad-nested-wire-type', 'ClientMessage', "a receipt's sequence as a fixed64", [0x2a, 9, 0x11, 1, 0, 0, 0, 0, 0, 0, 0]],
  ['client-bad-nested-varint-65-bits', 'ClientMessage', 'a ping with an unknown varint of 65 bits', [0x22, 13, 0x08, 1, 0x10, ...overlong]],
  [
    'client-bad-earlier-ping',
    'ClientMessage',
    'a ping whose id has 33 bits, then ping 7',
    [0x22, 6, 8, 128, 128, 128, 128, 16, 0x22, 2, 8, 7],
  ],
  ['client-bad-token-utf-8', 'ClientMessage', 'a token that is not UTF-8', [0x3a, 1, 0xff]],
  ['client-bad-wire-type', 'ClientMessage', 'frames as a varint', [0x08, 1]],
  ['client-bad-ping-2-32', 'ClientMessage', 'a ping whose id has 33 bits', [0x22, 6, 0x08, 128, 128, 128, 128, 16]],
  ['client-bad-group', 'ClientMessage', 'a group of an unknown field', [0xa3, 1, 0xa4, 1]],
  ['client-bad-field-0', 'ClientMessage', 'field number 0', [0x02, 0]],
];

/** All vectors of refused payloads and messages. */
export const refusedVectors: readonly Vector[] = refused.map(([name, message, about, bytes]) =>
  invalid(name, message, about, Uint8Array.from(bytes)),
);
