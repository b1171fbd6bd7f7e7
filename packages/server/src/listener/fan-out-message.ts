// Encodes frames as WebSocket messages in wire format, once for all viewers that receive them.
import { Limits } from '@hayate/protocol';

/** RFC 6455 section 5.2: FIN and the opcode of a binary message. */
const FINAL_BINARY = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** An encoded ServerMessage of one frame. */
interface Part {
  readonly message: Uint8Array;
}

/**
 * Unmasked, unfragmented binary messages (RFC 6455 section 5.2) whose payloads are `parts`,
 * `payloadBytes` long in total. The result is one message, or several if one would exceed the
 * contract's bound.
 */
export function webSocketMessages(parts: readonly Part[], payloadBytes: number): Buffer {
  if (payloadBytes <= Limits.serverMessageBytesMax) return encode(parts, payloadBytes);
  const messages: Buffer[] = [];
  let group: Part[] = [];
  let bytes = 0;
  for (const part of parts) {
    if (bytes + part.message.length > Limits.serverMessageBytesMax && group.length > 0) {
      messages.push(encode(group, bytes));
      group = [];
      bytes = 0;
    }
    group.push(part);
    bytes += part.message.length;
  }
  messages.push(encode(group, bytes));
  return Buffer.concat(messages);
}

function encode(parts: readonly Part[], payloadBytes: number): Buffer {
  const head = payloadBytes < LENGTH_16 ? 2 : payloadBytes < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(head + payloadBytes);
  bytes[0] = FINAL_BINARY;
  if (head === 2) bytes[1] = payloadBytes;
  else if (head === 4) {
    bytes[1] = LENGTH_16;
    bytes.writeUInt16BE(payloadBytes, 2);
  } else {
    bytes[1] = LENGTH_64;
    bytes.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), 2);
    bytes.writeUInt32BE(payloadBytes % 2 ** 32, 6);
  }
  let at = head;
  for (const { message } of parts) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}
