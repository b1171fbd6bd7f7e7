// Hayate's wire contract, for browsers and Node: everything that a client needs to talk to a
// server. Messages between servers are in ./server.ts.
export { AudioReader, type AudioView } from './audio-reader.ts';
export { isAvatar } from './avatar.ts';
export { type CloseCode, type CloseCodeName, CloseCodes, closeCodeByNumber } from './close-code.ts';
export { epochFromText, epochStartedMs, epochText, mintEpoch } from './epoch.ts';
export { encodeFrame, type FrameFields } from './frame.ts';
export { FrameFlag, type FrameHeader, framePayload, isKey, peekFrame } from './frame-header.ts';
export * from './gen/hayate/v1/frame_pb.ts';
export * from './gen/hayate/v1/message_pb.ts';
export * from './gen/hayate/v1/payload_pb.ts';
export { hasKeys, isDroppable, KIND_MAX, type KindTraits, kindTraits } from './kind.ts';
export { Limits } from './limits.ts';
export { encodeServerFrame, viewServerFrame } from './message.ts';
export { type BoneName, Bones } from './motion/bone.ts';
export { decodeMotion, encodeMotionDelta, encodeMotionKey, type QuantisedPose, quantisePose } from './motion/motion.ts';
export { createPose, type Pose } from './motion/pose.ts';
export { type ShapeName, Shapes } from './motion/shape.ts';
export { OPUS_SAMPLE_RATE, opusPacketSamples } from './opus-packet.ts';
export { PATHS, SUBPROTOCOL } from './path.ts';
export { type NumberRange, RangeSet } from './range-set.ts';
export { checkStreamHeader } from './stream-header.ts';
export { isStreamName, nearestStreamName, proposeStreamName, STREAM_NAME_PATTERN } from './stream-name.ts';
export { readStrictly } from './strict-message.ts';
export {
  cleanText,
  forbiddenCharacter,
  graphemeCount,
  graphemes,
  type TextOptions,
  textFault,
  truncateText,
} from './text.ts';
export { Timing } from './timing.ts';
export { WireError } from './wire-error.ts';
