// The voice of the tests: sentences of the demo clip, which we recorded, with digital silence
// between them. In: seconds. Out: samples and a WAV file. It needs only this repository's own
// files.
import { writeFileSync } from 'node:fs';
import { createVoiceDecoder } from '../../packages/server/src/cli/voice-decoder.ts';
import { demoClip } from '../support/hayate.ts';

/** Samples per second. */
export const voiceRate = 48_000;

/** A stretch of a script: from `fromS` to `toS` in the demo clip, or silence. Seconds. */
export type Stretch = { readonly fromS: number; readonly toS: number } | { readonly silenceS: number };

/** Mono samples of the demo clip's first seconds. */
async function clipSamples(seconds: number): Promise<Float32Array> {
  const decode = await createVoiceDecoder(1);
  const blocks = demoClip(seconds).packets.map(({ data }) => decode(data).samples);
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    samples.set(block, at);
    at += block.length;
  }
  return samples;
}

/** Mono samples at 48 kHz of the stretches, one after another. */
export async function speak(script: readonly Stretch[]): Promise<Float32Array> {
  const lastS = Math.max(0, ...script.map((stretch) => ('toS' in stretch ? stretch.toS : 0)));
  const clip = await clipSamples(Math.ceil(lastS));
  const parts = script.map((stretch) =>
    'silenceS' in stretch
      ? new Float32Array(stretch.silenceS * voiceRate)
      : clip.subarray(stretch.fromS * voiceRate, stretch.toS * voiceRate),
  );
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return samples;
}

/** Writes mono samples at 48 kHz as a 16-bit WAV file (RIFF/WAVE, PCM) and returns its path. */
export function writeWav(path: string, samples: Float32Array): string {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(voiceRate, 24);
  bytes.writeUInt32LE(2 * voiceRate, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  for (const [i, sample] of samples.entries()) bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), 44 + 2 * i);
  writeFileSync(path, bytes);
  return path;
}
