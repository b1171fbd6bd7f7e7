// Reads WAV files as a stream. Other folders use only these exports.
export { findWav } from './container.ts';
export { readWav, type Wav, type WavOptions } from './wav-reader.ts';
