// Encodes and decodes the two header packets of an Ogg Opus stream (RFC 7845 section 5): OpusHead
// has the decoder's parameters, OpusTags the description. Supports only channel mapping family 0
// (mono and stereo), the only one in Hayate's streams.
import { OggError } from './ogg-error.ts';

/** RFC 7845 section 5.1. */
export interface OpusHead {
  /** 1 or 2. */
  channels: number;
  /** 48 kHz samples that a player discards at the start. */
  preSkip: number;
  /** Hz, of the original input; informational; 0 if unknown. */
  inputSampleRate: number;
  /** 1/256 dB, to apply when decoding. */
  outputGain: number;
}

/** One tag: NAME (ASCII without '=') and value, as a Vorbis comment. */
export type OpusTag = readonly [name: string, value: string];

/** RFC 7845 section 5.2. */
export interface OpusTags {
  vendor: string;
  tags: readonly OpusTag[];
}

const HEAD_MAGIC = 'OpusHead';
const TAGS_MAGIC = 'OpusTags';

/** Encodes the OpusHead packet. Throws RangeError if a value does not fit its field. */
export function encodeOpusHead(head: OpusHead): Uint8Array {
  if (head.channels !== 1 && head.channels !== 2) throw new RangeError(`there must be 1 or 2 channels, not ${head.channels}`);
  if (!(Number.isInteger(head.preSkip) && head.preSkip >= 0 && head.preSkip <= 0xffff)) throw new RangeError('pre-skip must be 0 to 65535');
  const packet = new Uint8Array(19);
  const view = new DataView(packet.buffer);
  packet.set(Buffer.from(HEAD_MAGIC, 'latin1'));
  packet[8] = 1;
  packet[9] = head.channels;
  view.setUint16(10, head.preSkip, true);
  view.setUint32(12, head.inputSampleRate, true);
  view.setInt16(16, head.outputGain, true);
  return packet;
}

/** Decodes an OpusHead packet; errors count bytes from `offset`. */
export function decodeOpusHead(packet: Uint8Array, offset: number): OpusHead {
  if (packet.length < 19 || latin1(packet, 0, 8) !== HEAD_MAGIC) throw new OggError(offset, 'the first packet is not an OpusHead');
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  // RFC 7845 section 5.1: the upper four bits are the major version; minor versions are compatible.
  if (view.getUint8(8) >> 4 !== 0) throw new OggError(offset + 8, 'the OpusHead version is unknown');
  const channels = view.getUint8(9);
  if (view.getUint8(18) !== 0) throw new OggError(offset + 18, 'only channel mapping family 0 is supported');
  if (channels < 1 || channels > 2) throw new OggError(offset + 9, 'mapping family 0 has 1 or 2 channels');
  if (view.getUint8(8) === 1 && packet.length !== 19) throw new OggError(offset, 'the OpusHead has too many bytes');
  return { channels, preSkip: view.getUint16(10, true), inputSampleRate: view.getUint32(12, true), outputGain: view.getInt16(16, true) };
}

/** Encodes the OpusTags packet. Throws RangeError for an invalid tag name. */
export function encodeOpusTags({ vendor, tags }: OpusTags): Uint8Array {
  const strings = tags.map(([name, value]) => {
    // Vorbis comment: 0x20 to 0x7D without '='.
    if (!/^[ -<>-}]+$/.test(name)) throw new RangeError(`not a tag name: ${JSON.stringify(name)}`);
    return Buffer.from(`${name}=${value}`, 'utf8');
  });
  const head = Buffer.from(vendor, 'utf8');
  const packet = Buffer.alloc(16 + head.length + strings.reduce((sum, string) => sum + 4 + string.length, 0));
  packet.write(TAGS_MAGIC, 'latin1');
  let at = 8;
  const put = (string: Buffer) => {
    at = packet.writeUInt32LE(string.length, at);
    at += string.copy(packet, at);
  };
  put(head);
  at = packet.writeUInt32LE(strings.length, at);
  for (const string of strings) put(string);
  return new Uint8Array(packet.buffer, packet.byteOffset, packet.length);
}

/**
 * Decodes an OpusTags packet; errors count bytes from `offset`. Bytes after the last tag are
 * padding (RFC 7845 section 5.2).
 */
export function decodeOpusTags(packet: Uint8Array, offset: number): OpusTags {
  if (packet.length < 16 || latin1(packet, 0, 8) !== TAGS_MAGIC) throw new OggError(offset, 'the second packet is not an OpusTags');
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let at = 8;
  const count = (): number => {
    if (at + 4 > packet.length) throw new OggError(offset + at, 'the OpusTags is cut short');
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const string = (): string => {
    const length = count();
    if (at + length > packet.length) throw new OggError(offset + at, 'the OpusTags is cut short');
    at += length;
    try {
      return utf8.decode(packet.subarray(at - length, at));
    } catch {
      throw new OggError(offset + at - length, 'a tag is not UTF-8');
    }
  };
  const vendor = string();
  const tags: OpusTag[] = [];
  for (let rest = count(); rest > 0; rest--) {
    const start = at;
    const text = string();
    const equals = text.indexOf('=');
    if (equals < 1 || !/^[ -<>-}]+$/.test(text.slice(0, equals))) throw new OggError(offset + start, 'a tag is not NAME=value');
    tags.push([text.slice(0, equals), text.slice(equals + 1)]);
  }
  return { vendor, tags };
}

/** The value of the first tag with that name; names are case-insensitive. */
export function tagValue(tags: readonly OpusTag[], name: string): string | undefined {
  return tags.find(([candidate]) => candidate.toUpperCase() === name)?.[1];
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
