// Performers move an avatar where no camera does: from the voice, a pointer, and by themselves. Sound and time go in,
// poses come out; nothing here touches a device, so pages and servers use the same code.
export { audioLevel } from './audio-level.ts';
export { IdlePerformer } from './idle-performer.ts';
export { type Performer, perform } from './performer.ts';
export { PointerPerformer } from './pointer-performer.ts';
export { VoicePerformer } from './voice-performer.ts';
