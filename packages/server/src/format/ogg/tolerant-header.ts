// Reads the header packets of Ogg Opus streams from any source (RFC 7845 section 5): it reads as
// much as possible and reports the faults. It describes every channel mapping, so that the caller
// can name one that it cannot play.
import type { OpusHead, OpusTag } from './opus-header.ts';

/** How coded channels become output channels (RFC 7845 section 5.1.1). */
export interface ChannelMapping {
  /** 0: mono or stereo; 1: Vorbis channel order; 2, 3: ambisonics; 255: unknown. */
  readonly family: number;
  /** Opus streams in a packet. */
  readonly streams: number;
  /** The number of stereo streams, which come first. */
  readonly coupled: number;
  /** For each output channel the coded channel, or 255 for silence. */
  readonly channels: readonly number[];
}

/** OpusHead with its channel mapping. `channels` is 1 to 255. */
export interface MappedOpusHead extends OpusHead {
  readonly mapping: ChannelMapping;
}

/** Faults of tags, by kind, with a count. */
interface TagTrouble {
  /** Not UTF-8: read as Windows-1252, which includes Latin-1. */
  notUtf8: number;
  /** Not NAME=value: skipped. */
  notTags: number;
  /** The packet ends within the tags. */
  isCut: boolean;
}

/** The readable tags. Values are as in the file, including control characters. */
interface ReadTags {
  readonly tags: readonly OpusTag[];
  readonly trouble: TagTrouble;
}

/** Whether `packet` begins with `magic`. */
export function hasMagic(packet: Uint8Array, magic: string): boolean {
  return Buffer.from(packet.buffer, packet.byteOffset, Math.min(packet.length, magic.length)).toString('latin1') === magic;
}

/** Reads an OpusHead packet. If it cannot be played, returns a clause with the reason. */
export function readOpusHead(packet: Uint8Array): MappedOpusHead | string {
  if (!hasMagic(packet, 'OpusHead') || packet.length < 19) return 'its Opus header is cut short';
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const version = view.getUint8(8);
  if (version >> 4 !== 0) return `its Opus header is of version ${version}, which is not known`;
  const channels = view.getUint8(9);
  const family = view.getUint8(18);
  const head = {
    channels,
    preSkip: view.getUint16(10, true),
    inputSampleRate: view.getUint32(12, true),
    outputGain: view.getInt16(16, true),
  };
  if (channels === 0) return 'its Opus header names no channels';
  if (family === 0) {
    if (channels > 2) return `its Opus header names ${channels} channels in mapping family 0, which has 1 or 2`;
    return { ...head, mapping: { family, streams: 1, coupled: channels - 1, channels: channels === 1 ? [0] : [0, 1] } };
  }
  if (packet.length < 21 + channels) return 'its Opus header is cut short';
  const [streams, coupled] = [view.getUint8(19), view.getUint8(20)];
  const mapping = { family, streams, coupled, channels: [...packet.subarray(21, 21 + channels)] };
  // Family 3 has a matrix in place of the table.
  if (family !== 3) {
    const isPossible = streams > 0 && coupled <= streams && mapping.channels.every((at) => at === 255 || at < streams + coupled);
    if (!isPossible) return 'its Opus header maps channels that it does not have';
  }
  return { ...head, mapping };
}

/** Reads as much of an OpusTags packet as possible. */
export function readOpusTags(packet: Uint8Array): ReadTags {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const trouble: TagTrouble = { notUtf8: 0, notTags: 0, isCut: false };
  const tags: OpusTag[] = [];
  let at = 8;
  const count = (): number => {
    at += 4;
    if (at <= packet.length) return view.getUint32(at - 4, true);
    trouble.isCut = true;
    return 0;
  };
  const string = (): Uint8Array => {
    const length = count();
    const start = at;
    at += length;
    if (at > packet.length) trouble.isCut = true;
    return packet.subarray(start, Math.min(at, packet.length));
  };
  string();
  for (let rest = trouble.isCut ? 0 : count(); rest > 0 && !trouble.isCut; rest--) {
    const bytes = string();
    // A cut tag is kept: half a title is useful, although half a picture is not.
    const text = decodeText(bytes, trouble);
    const equals = text.indexOf('=');
    const name = text.slice(0, Math.max(0, equals)).trim();
    if (name === '') trouble.notTags++;
    else tags.push([name, text.slice(equals + 1)]);
  }
  return { tags, trouble };
}

function decodeText(bytes: Uint8Array, trouble: TagTrouble): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // A character that the end of the packet splits does not mean another encoding.
    if (trouble.isCut) return new TextDecoder('utf-8').decode(bytes, { stream: true });
    trouble.notUtf8++;
    return new TextDecoder('windows-1252').decode(bytes);
  }
}
