// A viewer's Receipt, read by hand: each viewer sends some a second and nothing else, so it is the listener's commonest
// message by far. In: a ClientMessage. Out: the receipt, if the message is exactly one, written as every common codec writes
// it; for anything else nothing, and the generated codec reads it. What is read here, that one reads alike.

/** The last frame that arrived at a viewer. */
export interface Receipt {
  epoch: bigint;
  sequence: number;
}

const RECEIPT_TAG = (5 << 3) | 2;
const EPOCH_TAG = (1 << 3) | 1;
const SEQUENCE_TAG = 2 << 3;
/** Two bytes of the outer field, nine of the epoch. */
const SEQUENCE_AT = 11;
/** A tag and a varint of seven bytes: 49 bits. */
const BYTES_MAX = SEQUENCE_AT + 8;

/** Reads a message that is one Receipt, fields in order; undefined if it is not, or its sequence is above 2^49 - 1. */
export function peekReceipt(bytes: Uint8Array): Receipt | undefined {
  const { length } = bytes;
  if (length < SEQUENCE_AT || length > BYTES_MAX) return undefined;
  if (bytes[0] !== RECEIPT_TAG || bytes[1] !== length - 2 || bytes[2] !== EPOCH_TAG) return undefined;
  let sequence = 0;
  if (length > SEQUENCE_AT) {
    if (bytes[SEQUENCE_AT] !== SEQUENCE_TAG || length === SEQUENCE_AT + 1) return undefined;
    let scale = 1;
    for (let at = SEQUENCE_AT + 1; at < length; at++, scale *= 128) {
      const byte = bytes[at] ?? 0;
      const last = at === length - 1;
      if (byte < 0x80 !== last) return undefined;
      sequence += (byte & 0x7f) * scale;
    }
  }
  return { epoch: (BigInt(word(bytes, 7)) << 32n) | BigInt(word(bytes, 3)), sequence };
}

/** A little-endian 32-bit word. */
function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}
