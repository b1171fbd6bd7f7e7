// Frames in a WebSocket message. They are field 1 of ClientMessage and of ServerMessage, so a
// message of several frames is the concatenation of messages with one frame each.
import { varintSize, writeVarint } from './frame.ts';

/** Field 1 of wire type 2. */
const TAG = 0x0a;

/**
 * A ServerMessage (or ClientMessage) that holds one encoded frame. Concatenate several results for
 * a message of several frames.
 */
export function encodeServerFrame(frame: Uint8Array): Uint8Array {
  const head = 1 + varintSize(frame.length);
  const message = new Uint8Array(head + frame.length);
  message[0] = TAG;
  writeVarint(message, 1, frame.length);
  message.set(frame, head);
  return message;
}

/**
 * Does the same as encodeServerFrame, without a copy where possible. A frame that a codec has read
 * from an Envelope is a view, and the bytes before it are those that a ServerMessage needs
 * (LiveFrame.frame is field 1 too). Other frames are copied.
 */
export function viewServerFrame(frame: Uint8Array): Uint8Array {
  const head = 1 + varintSize(frame.length);
  if (frame.byteOffset < head) return encodeServerFrame(frame);
  const message = new Uint8Array(frame.buffer, frame.byteOffset - head, head + frame.length);
  if (message[0] !== TAG) return encodeServerFrame(frame);
  for (let at = 1, rest = frame.length; at < head; at++, rest >>>= 7)
    if (message[at] !== (at === head - 1 ? rest : (rest & 127) | 128)) return encodeServerFrame(frame);
  return message;
}
