// Reads a Frame's header without decoding its payload. Every hop does this many thousand times a
// second. Accepts fields in any order, lets the last occurrence of a field win and skips unknown
// fields, as https://protobuf.dev/programming-guides/encoding asks of a reader. Throws no error
// except WireError.
import { isKind } from './kind.ts';
import { Limits } from './limits.ts';
import { isStreamName } from './stream-name.ts';
import { WireError } from './wire-error.ts';

/** Bits of Frame.flags. */
export const FrameFlag = {
  /** A MOTION or GAME frame that stands alone. */
  KEY: 1,
} as const;

/** A Frame's header, and the place of its payload in the encoded bytes. */
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

/** The payload's bytes, as a view and not a copy. */
export function framePayload(frame: Uint8Array, header: FrameHeader): Uint8Array {
  return frame.subarray(header.payloadOffset, header.payloadOffset + header.payloadLength);
}

/**
 * The largest value of a header's varint field. Kind, flags and participant have 32 bits. The other
 * fields stay exact in a double.
 */
export function fieldMax(field: number): number {
  return field >= 5 && field <= 7 ? 0xffff_ffff : Limits.numberMax;
}

/**
 * Reads the header of an encoded Frame. Throws WireError if the bytes are not a Protobuf message,
 * or if the stream name, epoch, kind or a number is missing or out of range. It also refuses input
 * that a generated codec might accept but no encoder of this message writes: groups, known fields
 * in another wire type, any occurrence of a field out of its range. Generated codecs read every
 * accepted frame alike.
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
  at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, 5);
    const field = Math.floor(tag / 8);
    if (field === 0 || field > FIELD_MAX) throw new WireError('a field number is out of range');
    switch (tag & 7) {
      case 0:
        setNumber(header, field, readVarint(bytes, 10));
        break;
      case 1:
        skip(bytes, 8);
        if (field === 2) header.epoch = readEpoch(bytes, at - 8);
        else if (isKnown(field)) throw wrongWireType(field);
        break;
      case 2: {
        const length = readVarint(bytes, 10);
        skip(bytes, length);
        if (field === 15) {
          header.payloadOffset = at - length;
          header.payloadLength = length;
        } else if (field === 1) header.stream = readName(bytes, at - length, length);
        else if (isKnown(field)) throw wrongWireType(field);
        break;
      }
      case 5:
        skip(bytes, 4);
        if (isKnown(field)) throw wrongWireType(field);
        break;
      default:
        throw new WireError('a wire type is a group or unknown');
    }
  }
  if (header.stream === '') throw new WireError('the frame names no stream');
  if (header.epoch === 0n) throw new WireError('the frame names no epoch');
  if (header.kind === 0) throw new WireError('the frame names no kind');
  return header;
}

const FIELD_MAX = 536_870_911;
const epochBytes = new Uint8Array(8);
const epochView = new DataView(epochBytes.buffer);
let lastEpoch = 0n;
let lastName = '-';
/** 1 for each byte that a stream name may hold. */
const nameBytes = Uint8Array.from({ length: 256 }, (_, byte) => (isStreamName(String.fromCharCode(byte)) ? 1 : 0));

/**
 * Offset of the next byte. It belongs to the module because peekFrame never runs twice at once, so
 * a call allocates no reader.
 */
let at = 0;

function isKnown(field: number): boolean {
  return field < 10 || field === 15;
}

function wrongWireType(field: number): WireError {
  return new WireError(`field ${field} has the wrong wire type`);
}

function setNumber(header: FrameHeader, field: number, value: number): void {
  if (!isKnown(field)) return;
  if (value > fieldMax(field)) throw new WireError(`field ${field} is out of range`);
  switch (field) {
    case 3:
      header.sequence = value;
      return;
    case 4:
      header.captureUs = value;
      return;
    case 5:
      if (!isKind(value)) throw new WireError("the frame's kind is unknown");
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
    default:
      throw wrongWireType(field);
  }
}

/** Reads a varint of at most `sizeMax` bytes and 64 bits. A result above 2^53 is rounded. */
function readVarint(bytes: Uint8Array, sizeMax: number): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < sizeMax; i++) {
    const byte = bytes[at++];
    if (byte === undefined) throw new WireError('the message is cut short');
    if (i === 9 && byte > 1) throw new WireError('a varint has more than 64 bits');
    if (byte < 128) return value + byte * scale;
    value += (byte - 128) * scale;
    scale *= 128;
  }
  throw new WireError(`a varint is longer than ${sizeMax} bytes`);
}

function skip(bytes: Uint8Array, length: number): void {
  at += length;
  if (at > bytes.length) throw new WireError('the message is cut short');
}

/**
 * Reads the epoch. Returns the same bigint as last time if the bytes are the same, which is usual.
 */
function readEpoch(bytes: Uint8Array, from: number): bigint {
  let same = true;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[from + i] ?? 0;
    if (byte === epochBytes[i]) continue;
    epochBytes[i] = byte;
    same = false;
  }
  if (!same) lastEpoch = epochView.getBigUint64(0, true);
  if (lastEpoch === 0n) throw new WireError('the epoch is 0');
  return lastEpoch;
}

/** Reads the stream's name. Returns the same string as last time if the bytes are the same. */
function readName(bytes: Uint8Array, from: number, length: number): string {
  if (length === lastName.length) {
    let i = 0;
    while (i < length && bytes[from + i] === lastName.charCodeAt(i)) i++;
    if (i === length) return lastName;
  }
  let name = '';
  let valid = length >= 1 && length <= 64;
  for (let i = 0; valid && i < length; i++) {
    const byte = bytes[from + i] ?? 0;
    valid = nameBytes[byte] === 1;
    name += String.fromCharCode(byte);
  }
  if (!valid) throw new WireError('the stream name does not match [A-Za-z0-9_-]{1,64}');
  lastName = name;
  return name;
}
