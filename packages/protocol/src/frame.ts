// Encodes a Frame by hand: header fields in ascending order, default values left out, payload last.
// The bytes equal those of the generated codec, and peekFrame reads them all.
import { fieldMax } from './frame-header.ts';
import { isKind } from './kind.ts';
import { isStreamName } from './stream-name.ts';
import { WireError } from './wire-error.ts';

/** The fields of a Frame (frame.proto). An omitted number is 0. */
export interface FrameFields {
  stream: string;
  epoch: bigint;
  sequence: number;
  /** Microseconds since the epoch began. */
  captureUs: number;
  kind: number;
  flags?: number;
  participant?: number;
  /** 48 kHz samples since the epoch began (AUDIO). */
  position?: number;
  /** Sequence of the key frame that a delta applies to. */
  keySequence?: number;
  payload: Uint8Array;
}

const EPOCH_MAX = 0xffff_ffff_ffff_ffffn;

/** Encodes `fields`. Throws WireError if a field is out of the range that peekFrame accepts. */
export function encodeFrame(fields: FrameFields): Uint8Array {
  if (!isStreamName(fields.stream)) throw new WireError('the stream name does not match [A-Za-z0-9_-]{1,64}');
  if (fields.epoch <= 0n || fields.epoch > EPOCH_MAX) throw new WireError('the epoch is not in 1 to 2^64 - 1');
  if (!isKind(fields.kind)) throw new WireError("the frame's kind is unknown");
  const numbers: readonly (readonly [field: number, value: number])[] = [
    [3, fields.sequence],
    [4, fields.captureUs],
    [5, fields.kind],
    [6, fields.flags ?? 0],
    [7, fields.participant ?? 0],
    [8, fields.position ?? 0],
    [9, fields.keySequence ?? 0],
  ];
  let size = 2 + fields.stream.length + 9;
  for (const [field, value] of numbers) {
    if (!(Number.isInteger(value) && value >= 0 && value <= fieldMax(field))) throw new WireError(`field ${field} is out of range`);
    if (value > 0) size += 1 + varintSize(value);
  }
  const payload = fields.payload;
  if (payload.length > 0) size += 1 + varintSize(payload.length) + payload.length;

  const bytes = new Uint8Array(size);
  bytes[0] = 0x0a;
  bytes[1] = fields.stream.length;
  let at = 2;
  for (let i = 0; i < fields.stream.length; i++) bytes[at++] = fields.stream.charCodeAt(i);
  bytes[at++] = 0x11;
  new DataView(bytes.buffer).setBigUint64(at, fields.epoch, true);
  at += 8;
  for (const [field, value] of numbers) {
    if (value === 0) continue;
    bytes[at++] = field << 3;
    at = writeVarint(bytes, at, value);
  }
  if (payload.length > 0) {
    bytes[at++] = 0x7a;
    at = writeVarint(bytes, at, payload.length);
    bytes.set(payload, at);
  }
  return bytes;
}

/** Bytes that `value` (an unsigned integer up to 2^53 - 1) takes as a Protobuf varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes `value` as a Protobuf varint at `at`. Returns the offset of the next byte. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}
