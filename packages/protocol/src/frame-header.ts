// Reads a Frame's header without decoding its payload: what every hop does, many thousand times a second.
// Takes fields in any order, lets the last of a repeated field win and skips unknown ones, as
// https://protobuf.dev/programming-guides/encoding asks of a reader. Never throws anything but WireError.
import { Kind } from './gen/hayate/v1/frame_pb.ts';
import { STREAM_NAME_PATTERN } from './stream-name.ts';
import { WireError } from './wire-error.ts';

/** Bits of Frame.flags. */
export const FrameFlag = {
  /** A MOTION or GAME frame that stands alone. */
  KEY: 1,
} as const;

/** A Frame's header, and where its payload lies in the encoded bytes. */
export interface FrameHeader {
  stream: string;
  epoch: bigint;
  sequence: number;
  /** Microseconds since the epoch began. */
  captureUs: number;
  kind: number;
  flags: number;
  participant: number;
  /** 48 kHz samples since the epoch began (AUDIO). */
  position: number;
  keySequence: number;
  payloadOffset: number;
  payloadLength: number;
}

/** Whether the frame is a MOTION or GAME key. */
export function isKey(header: FrameHeader): boolean {
  return (header.flags & FrameFlag.KEY) !== 0;
}

/** Whether a slow viewer may lose frames of this kind: voice and poses, never headers, events or users' own kinds. */
export function isDroppable(kind: number): boolean {
  return kind === Kind.AUDIO || kind === Kind.MOTION || kind === Kind.GAME;
}

/** The payload's bytes: a view, not a copy. */
export function framePayload(frame: Uint8Array, header: FrameHeader): Uint8Array {
  return frame.subarray(header.payloadOffset, header.payloadOffset + header.payloadLength);
}

/**
 * Reads the header of an encoded Frame. Throws WireError if the bytes are not a Protobuf message, or the stream name,
 * epoch, kind or a number is missing or out of range.
 */
export function peekFrame(bytes: Uint8Array): FrameHeader {
  const header: FrameHeader = {
    stream: '',
    epoch: 0n,
    sequence: 0,
    captureUs: 0,
    kind: 0,
    flags: 0,
    participant: 0,
    position: 0,
    keySequence: 0,
    payloadOffset: 0,
    payloadLength: 0,
  };
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const tag = readVarint(bytes, cursor);
    const wireType = tag & 7;
    const field = Math.floor(tag / 8);
    if (field === 0 || field > 536_870_911) throw new WireError('a field number is out of range');
    if (wireType === 0) setNumber(header, field, readVarint(bytes, cursor, field));
    else if (wireType === 2) {
      const length = readVarint(bytes, cursor);
      const start = cursor.at;
      skip(bytes, cursor, length);
      if (field === 1) header.stream = readName(bytes, start, length);
      else if (field === 15) {
        header.payloadOffset = start;
        header.payloadLength = length;
      } else if (field < 10) throw new WireError(`field ${field} has the wrong wire type`);
    } else if (wireType === 1) {
      const start = cursor.at;
      skip(bytes, cursor, 8);
      if (field === 2) header.epoch = readFixed64(bytes, start);
      else if (field < 10 || field === 15) throw new WireError(`field ${field} has the wrong wire type`);
    } else if (wireType === 5) {
      skip(bytes, cursor, 4);
      if (field < 10 || field === 15) throw new WireError(`field ${field} has the wrong wire type`);
    } else throw new WireError('a wire type is not of Protobuf');
  }
  if (header.stream === '') throw new WireError('the frame names no stream');
  if (header.epoch === 0n) throw new WireError('the frame names no epoch');
  if (!((header.kind >= Kind.HEADER && header.kind <= Kind.GAME) || (header.kind >= 64 && header.kind <= 127)))
    throw new WireError('the frame is of no known kind');
  return header;
}

function setNumber(header: FrameHeader, field: number, value: number): void {
  switch (field) {
    case 3:
      header.sequence = value;
      return;
    case 4:
      header.captureUs = value;
      return;
    case 5:
      header.kind = value;
      return;
    case 6:
      header.flags = value;
      return;
    case 7:
      header.participant = value;
      return;
    case 8:
      header.position = value;
      return;
    case 9:
      header.keySequence = value;
      return;
    case 1:
    case 2:
    case 15:
      throw new WireError(`field ${field} has the wrong wire type`);
  }
}

/** Largest 9th and 10th byte digits would pass 2^53; unknown fields (>= 10) may hold any 64-bit value. */
function readVarint(bytes: Uint8Array, cursor: { at: number }, field = 0): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new WireError('the message is cut short');
    value += (byte & 0x7f) * scale;
    if (byte < 128) {
      if (value > Number.MAX_SAFE_INTEGER && (field < 10 || field === 15)) throw new WireError('a number is above 2^53 - 1');
      return value;
    }
    scale *= 128;
  }
  throw new WireError('a varint is longer than 10 bytes');
}

function skip(bytes: Uint8Array, cursor: { at: number }, length: number): void {
  cursor.at += length;
  if (cursor.at > bytes.length) throw new WireError('the message is cut short');
}

function readFixed64(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigUint64(0, true);
}

function readName(bytes: Uint8Array, at: number, length: number): string {
  let name = '';
  if (length <= 64) for (let i = 0; i < length; i++) name += String.fromCharCode(bytes[at + i] ?? 0);
  if (!STREAM_NAME_PATTERN.test(name)) throw new WireError('the stream name is not of [A-Za-z0-9_-]{1,64}');
  return name;
}
