// Encoded frames to the content that listeners receive, for live streams and replays alike. A pose
// is decoded with the last key before it; all other frames stand alone. All text is cleaned.
import { fromBinary } from '@bufbuild/protobuf';
import { AudioReader, EventSchema, type FrameHeader, isKey, Kind, type StreamHeader, StreamHeaderSchema } from '@hayate/protocol';
import { cleanEvent, cleanHeader } from './clean-content.ts';
import type { MotionDecoder, MotionMiss } from './motion-decoder.ts';
import type { AudioFrame, CustomFrame, EventFrame, FrameInfo, MotionFrame } from './viewer-api.ts';

/** A HEADER as listeners receive it. */
export type HeaderFrame = FrameInfo & { header: StreamHeader };

/** A frame's content, under the name of its event. */
type FrameContent =
  | { name: 'header'; detail: HeaderFrame }
  | { name: 'audio'; detail: AudioFrame }
  | { name: 'motion'; detail: MotionFrame }
  | { name: 'event'; detail: EventFrame }
  | { name: 'custom'; detail: CustomFrame };

/** One for all streams: what it reads is copied before it reads the next payload. */
const audioReader = new AudioReader();

/**
 * Reads a frame's payload; returns a MotionMiss for a pose that cannot be drawn. Throws WireError,
 * or an error of fromBinary.
 */
export function readFrameContent(header: FrameHeader, payload: Uint8Array, motion: MotionDecoder): FrameContent | MotionMiss {
  const info: FrameInfo = { sequence: header.sequence, captureUs: header.captureUs, participant: header.participant };
  switch (header.kind) {
    case Kind.HEADER:
      return { name: 'header', detail: { ...info, header: cleanHeader(fromBinary(StreamHeaderSchema, payload)) } };
    case Kind.AUDIO: {
      const { packets, packetCount, level } = audioReader.read(payload);
      return { name: 'audio', detail: { ...info, packets: packets.slice(0, packetCount), position: header.position, level } };
    }
    case Kind.MOTION: {
      const pose = motion.decode(header, payload);
      return typeof pose === 'string' ? pose : { name: 'motion', detail: { ...info, pose, key: isKey(header) } };
    }
    case Kind.EVENT:
      return { name: 'event', detail: { ...info, body: cleanEvent(fromBinary(EventSchema, payload)).body } };
    default:
      return {
        name: 'custom',
        detail: { ...info, kind: header.kind, key: isKey(header), keySequence: header.keySequence, payload },
      };
  }
}
