// Performers move an avatar without a camera: from the voice, from a pointer, or on their own.
// Sound and time go in, poses come out. Nothing here touches a device, so pages and servers use the
// same code.
export { audioLevel } from './audio-level.ts';
export { IdlePerformer } from './idle-performer.ts';
export { type Performer, perform } from './performer.ts';
export { PointerPerformer } from './pointer-performer.ts';
export { VoicePerformer } from './voice-performer.ts';
