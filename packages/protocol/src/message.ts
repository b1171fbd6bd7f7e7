// Frames in a WebSocket message. Field 1 of ClientMessage and ServerMessage alike, so a message of several frames
// is the concatenation of messages of one.
import { varintSize, writeVarint } from './frame.ts';

/** A ServerMessage (or ClientMessage) that holds one encoded frame. Concatenate results to hold several. */
export function encodeServerFrame(frame: Uint8Array): Uint8Array {
  const head = 1 + varintSize(frame.length);
  const message = new Uint8Array(head + frame.length);
  message[0] = 0x0a;
  writeVarint(message, 1, frame.length);
  message.set(frame, head);
  return message;
}
