// Reads a viewer's Receipt by hand. Each viewer sends several a second and little else, so it is by
// far the listener's most common message. In: a ClientMessage. Out: the receipt, if the message is
// exactly one Receipt, encoded the way common codecs do. Anything else is left to the generated
// codec. For every message read here, that codec gives the same result.

/** The last frame that arrived at a viewer. */
export interface Receipt {
  epoch: bigint;
  sequence: number;
}

const RECEIPT_TAG = (5 << 3) | 2;
const EPOCH_TAG = (1 << 3) | 1;
const SEQUENCE_TAG = 2 << 3;
/** Two bytes of the outer field and nine of the epoch. */
const SEQUENCE_AT = 11;
/** A tag and a varint of seven bytes: 49 bits. */
const BYTES_MAX = SEQUENCE_AT + 8;

/**
 * Reads a message that is one Receipt with its fields in order. Undefined if it is not, or if its
 * sequence is above 2^49 - 1.
 */
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
