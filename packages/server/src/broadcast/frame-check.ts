// Checks everything a broadcaster sends once, at the border, so that no later hop has to. It checks
// the headers of all frames, and the payloads of HEADER and AUDIO, which servers read (listing,
// archive). Only clients read MOTION, EVENT and GAME payloads.
import {
  AudioReader,
  checkStreamHeader,
  type FrameHeader,
  framePayload,
  Kind,
  Limits,
  peekFrame,
  type StreamHeader,
  WireError,
} from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';

/** Values that the frames of a connection must agree with. */
export interface FrameExpectation {
  stream: string;
  epoch: bigint;
  frameBytesMax: number;
  /** Sequences below this are plausible. */
  sequenceEnd: number;
}

/** A frame that passed the check. */
export interface CheckedFrame {
  header: FrameHeader;
  /** Set for HEADER frames. */
  streamHeader: StreamHeader | undefined;
}

/** Checks one frame. Throws WireError or HayateError with the close code from spec/wire.md. */
export function checkFrame(frame: Uint8Array, expected: FrameExpectation): CheckedFrame {
  if (frame.length > expected.frameBytesMax)
    throw new HayateError('BAD_REQUEST', `a frame holds more than ${expected.frameBytesMax} bytes`, { closeCode: 'FRAME_TOO_BIG' });
  const header = peekFrame(frame);
  if (header.stream !== expected.stream || header.epoch !== expected.epoch)
    throw new HayateError('BAD_REQUEST', 'a frame is of another stream or epoch', { closeCode: 'WRONG_STREAM' });
  if (header.sequence >= expected.sequenceEnd)
    throw new HayateError('BAD_REQUEST', 'a sequence jumps too far ahead', { closeCode: 'SEQUENCE_INVALID' });
  if (header.sequence === 0 && header.kind !== Kind.HEADER) throw new WireError('the first frame of an epoch must be a HEADER');
  if (header.participant >= Limits.participantsMax)
    throw new WireError(`a participant must have a number from 0 to ${Limits.participantsMax - 1}`);
  const payload = framePayload(frame, header);
  if (header.kind === Kind.AUDIO) checkAudio(payload);
  return { header, streamHeader: header.kind === Kind.HEADER ? checkStreamHeader(payload) : undefined };
}

/** One for all connections: each payload is checked at once, and nothing of it is kept. */
const audioReader = new AudioReader();

function checkAudio(payload: Uint8Array): void {
  const { packetCount, level } = audioReader.read(payload);
  if (packetCount > Limits.audioPacketsMax) throw new WireError(`an AUDIO frame must hold 1 to ${Limits.audioPacketsMax} packets`);
  if (level !== undefined && level > 127) throw new WireError('a level is above 127');
}
