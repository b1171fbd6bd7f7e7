// Payloads and messages that a server must refuse, because Protobuf codecs differ on them. Each is written
// out byte by byte, since no codec of ours writes it.
import { invalid, type Vector } from './vector.ts';

const overlong = [...Array<number>(9).fill(0x80), 2];

const refused: readonly (readonly [name: string, message: string, about: string, bytes: readonly number[]])[] = [
  ['audio-bad-wire-type', 'Audio', 'a packet as a varint; some codecs skip it as an unknown field', [0x0a, 1, 0x78, 0x08, 5]],
  ['audio-bad-level-2-32', 'Audio', 'level 2^32, which some codecs cut to 0', [0x0a, 1, 0x78, 0x10, 128, 128, 128, 128, 16]],
  ['audio-bad-varint-65-bits', 'Audio', 'an unknown varint of 65 bits', [0x0a, 1, 0x78, 0x18, ...overlong]],
  ['audio-bad-cut-short', 'Audio', 'a packet longer than the payload', [0x0a, 9, 0x78]],
  ['header-bad-wire-type', 'StreamHeader', 'the title as a fixed32', [0x0d, 0x61, 0x62, 0x63, 0x64]],
  ['header-bad-utf-8', 'StreamHeader', 'a title that is not UTF-8', [0x0a, 2, 0xc3, 0x28]],
  ['header-bad-surrogate', 'StreamHeader', 'a title with an encoded surrogate', [0x0a, 3, 0xed, 0xa0, 0x80]],
  ['header-bad-channels-2-32', 'StreamHeader', 'audio.channels 2^32 + 1', [0x1a, 6, 0x10, 129, 128, 128, 128, 16]],
  ['header-bad-nested-wire-type', 'StreamHeader', "a participant's name as a varint", [0x2a, 4, 0x08, 1, 0x10, 65]],
  ['client-bad-wire-type', 'ClientMessage', 'frames as a varint', [0x08, 1]],
  ['client-bad-ping-2-32', 'ClientMessage', 'a ping whose id has 33 bits', [0x22, 6, 0x08, 128, 128, 128, 128, 16]],
  ['client-bad-group', 'ClientMessage', 'a group of an unknown field', [0xa3, 1, 0xa4, 1]],
  ['client-bad-field-0', 'ClientMessage', 'field number 0', [0x02, 0]],
];

/** All vectors of refused payloads and messages. */
export const refusedVectors: readonly Vector[] = refused.map(([name, message, about, bytes]) =>
  invalid(name, message, about, Uint8Array.from(bytes)),
);
