// A WebSocket message as it lies on the wire, made once for all who are to get it.

/** RFC 6455 section 5.2: FIN and the opcode of a binary message. */
const FINAL_BINARY = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** One unmasked, unfragmented binary message (RFC 6455 section 5.2) whose payload is `parts`, `payloadBytes` long together. */
export function webSocketMessage(parts: readonly { readonly message: Uint8Array }[], payloadBytes: number): Buffer {
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
