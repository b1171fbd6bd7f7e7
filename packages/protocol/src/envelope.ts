// Encodes the frames of an Envelope (live.proto) by hand, because every live frame passes through
// here once. An encoded message is the concatenation of its parts, so the generated codec encodes
// the part that all envelopes of a stream share only once.
import { varintSize, writeVarint } from './frame.ts';

/** A LiveFrame's fields (live.proto). */
export interface LiveFrameFields {
  frame: Uint8Array;
  /** Unix microseconds. */
  receivedUnixUs: number;
  previousPlusOne: number;
}

/** Returns `head` (an encoded Envelope without frames) with `frames` appended. */
export function encodeEnvelope(head: Uint8Array, frames: readonly LiveFrameFields[]): Uint8Array {
  let size = head.length;
  for (const fields of frames) {
    const body = bodySize(fields);
    size += 1 + varintSize(body) + body;
  }
  const bytes = new Uint8Array(size);
  bytes.set(head);
  let at = head.length;
  for (const fields of frames) {
    bytes[at++] = 0x2a;
    at = writeVarint(bytes, at, bodySize(fields));
    if (fields.frame.length > 0) {
      bytes[at++] = 0x0a;
      at = writeVarint(bytes, at, fields.frame.length);
      bytes.set(fields.frame, at);
      at += fields.frame.length;
    }
    at = writeField(bytes, at, 0x10, fields.receivedUnixUs);
    at = writeField(bytes, at, 0x18, fields.previousPlusOne);
  }
  return bytes;
}

function bodySize({ frame, receivedUnixUs, previousPlusOne }: LiveFrameFields): number {
  return fieldSize(receivedUnixUs) + fieldSize(previousPlusOne) + (frame.length === 0 ? 0 : 1 + varintSize(frame.length) + frame.length);
}

/** Default values are left out. */
function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function writeField(bytes: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  bytes[at++] = tag;
  return writeVarint(bytes, at, value);
}
