// A frame within a process of the live path: the broadcaster's bytes, the header, read once, and
// the fields that the streamer added in its envelope.
import { type FrameHeader, peekFrame } from '@hayate/protocol';
import type { LiveFrame, LiveFrameFields } from '@hayate/protocol/server';

/** A frame of one epoch. */
export interface LiveEntry extends LiveFrameFields {
  readonly frame: Uint8Array;
  readonly header: FrameHeader;
  /** The streamer's wall clock when the frame arrived, Unix microseconds. */
  readonly receivedUnixUs: number;
  /** The sequence published live before this one, plus 1; 0 if this was the streamer's first. */
  readonly previousPlusOne: number;
}

/** Reads a frame of an envelope. Throws WireError if its header cannot be read. */
export function readLiveFrame({ frame, receivedUnixUs, previousPlusOne }: LiveFrame): LiveEntry {
  return { frame, header: peekFrame(frame), receivedUnixUs: Number(receivedUnixUs), previousPlusOne: Number(previousPlusOne) };
}
