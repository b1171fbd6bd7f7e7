// WAV files, read as a stream: all that other folders use of this one.
export { findWav } from './container.ts';
export { readWav, type Wav, type WavOptions } from './wav-reader.ts';
