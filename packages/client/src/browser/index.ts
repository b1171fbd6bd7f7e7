// Hayate in a browser: microphone to Opus packets, and a Viewer's frames to sound and poses.
// Content-Security-Policy: worklets are loaded from blob: URLs. A page that forbids blob: must
// serve the sources exported below.
export { type BrowserFeature, browserSupport, type MissingFeature } from './browser-support.ts';
export {
  MicrophoneCapture,
  type MicrophoneEvents,
  type MicrophoneOptions,
  type MicrophonePacket,
  type MicrophoneStatistics,
  type PcmBlock,
} from './microphone-capture.ts';
export { Player, type PlayerEvents, type PlayerOptions, type PlayerState, type PlayerStatistics } from './player.ts';
export { captureWorkletSource, playoutWorkletSource } from './worklet-module.ts';
