// A frame as the live path hands it on within a process: the broadcaster's bytes, their header read once, and what the
// streamer added in its envelope.
import { create } from '@bufbuild/protobuf';
import { type FrameHeader, peekFrame } from '@hayate/protocol';
import { type LiveFrame, LiveFrameSchema } from '@hayate/protocol/server';

/** A frame of one epoch. */
export interface LiveEntry {
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

/** The frame as it lies in an envelope. */
export function toLiveFrame({ frame, receivedUnixUs, previousPlusOne }: LiveEntry): LiveFrame {
  return create(LiveFrameSchema, { frame, receivedUnixUs: BigInt(receivedUnixUs), previousPlusOne: BigInt(previousPlusOne) });
}
