// The Hayate SDK for browsers and Node: broadcast a stream, watch a stream, and keep voice and
// motion together. Microphone, speaker and worklets are in ./browser; nothing here touches a
// device.

export {
  type BoneName,
  Bones,
  cleanText,
  createPose,
  graphemeCount,
  isStreamName,
  Limits,
  nearestStreamName,
  type Pose,
  proposeStreamName,
  type ShapeName,
  Shapes,
  type TextOptions,
  truncateText,
} from '@hayate/protocol';
export { Broadcaster } from './broadcaster/broadcaster.ts';
export type {
  Acknowledgement,
  AudioFormat,
  AudioInput,
  BroadcastEnded,
  BroadcasterEvents,
  BroadcasterOptions,
  BroadcasterStatistics,
  EpochBegun,
  EventInput,
  FrameCounts,
  MotionOptions,
  ParticipantInfo,
  SequenceRange,
  StreamDescription,
} from './broadcaster/broadcaster-api.ts';
export { ClientError, type ClientErrorCode } from './client-error.ts';
export { type Clock, monotonicClock } from './connection/clock.ts';
export type { ConnectionOptions, TokenSource } from './connection/connection-options.ts';
export type { ConnectionState, StateChange } from './connection/connection-state.ts';
export { Emitter, type Unsubscribe } from './emitter.ts';
export { ArrivalJitter, type JitterOptions } from './playout/arrival-jitter.ts';
export { interpolatePose } from './playout/interpolate-pose.ts';
export { MediaLine } from './playout/media-line.ts';
export type { MediaEvents, MediaSource, Playback } from './playout/media-source.ts';
export { MotionTimeline } from './playout/motion-timeline.ts';
export { createPlayoutBuffer, type PlayoutBuffer, type PlayoutLine, type PlayoutStatus } from './playout/playout-buffer.ts';
export { PositionClock } from './playout/position-clock.ts';
export { SteeredClock } from './playout/steered-clock.ts';
export { type SoundBlock, TimeStretch } from './playout/time-stretch.ts';
export { Replay } from './replay/replay.ts';
export { type ReplayEvents, type ReplayOptions, ReplayRates, type ReplayState } from './replay/replay-api.ts';
export { Viewer } from './viewer/viewer.ts';
export type {
  AudioFrame,
  CustomFrame,
  EventFrame,
  FrameInfo,
  GapReport,
  MeasuredMs,
  MotionFrame,
  StreamEnded,
  ViewerEvents,
  ViewerOptions,
  ViewerStatistics,
} from './viewer/viewer-api.ts';
