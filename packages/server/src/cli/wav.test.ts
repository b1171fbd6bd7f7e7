// WAV files of every format, and their way to 48 kHz. Oracles: ffmpeg, and sines.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { requireTool } from '../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { HayateError } from '../kernel/error.ts';
import { Resampler } from './resampler.ts';
import { readWav } from './wav.ts';

/** A mono WAV of 16-bit PCM. */
function pcm16(samples: readonly number[], sampleRate = 48_000): Uint8Array {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(36 + samples.length * 2, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(sampleRate, 24);
  bytes.writeUInt32LE(sampleRate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(samples.length * 2, 40);
  for (const [index, sample] of samples.entries()) bytes.writeInt16LE(sample, 44 + index * 2);
  return bytes;
}

test('samples are read in place, and are 0 outside the file', () => {
  const wav = readWav(pcm16([0, 16_384, -32_768], 44_100));
  assert.deepEqual([wav.channels, wav.sampleRate, wav.length], [1, 44_100, 3]);
  assert.deepEqual(
    [-1, 0, 1, 2, 3].map((index) => wav.sample(0, index)),
    [0, 0, 0.5, -1, 0],
  );
});

test('every sample format that ffmpeg writes reads the same', (t) => {
  const ffmpeg = requireTool(t, 'ffmpeg');
  if (ffmpeg === undefined) return;
  const tones = 'aevalsrc=0.5*sin(2*PI*500*t)|0.5*sin(2*PI*1000*t):s=32000:d=0.5';
  for (const [codec, error] of [
    ['pcm_u8', 0.01],
    ['pcm_s16le', 0.0001],
    ['pcm_s24le', 0.0001],
    ['pcm_s32le', 0.0001],
    ['pcm_f32le', 0.0001],
    ['pcm_f64le', 0.0001],
  ] as const) {
    const path = join(tempDir(t), `${codec}.wav`);
    const made: SpawnSyncReturns<string> = spawnSync(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', tones, '-c:a', codec, path], {
      encoding: 'utf8',
    });
    assert.equal(made.status, 0, made.stderr);
    const wav = readWav(readFileSync(path));
    assert.deepEqual([wav.channels, wav.sampleRate, wav.length], [2, 32_000, 16_000]);
    for (let i = 0; i < wav.length; i += 7)
      for (const [channel, hz] of [500, 1_000].entries()) {
        const expected = 0.5 * Math.sin((2 * Math.PI * hz * i) / 32_000);
        const got = wav.sample(channel, i);
        assert.ok(Math.abs(got - expected) < error, `${codec} ${channel} ${i}: ${got} for ${expected}`);
      }
  }
});

test('whatever is not a WAV file is refused, and none crashes the reader', () => {
  const whole = pcm16([1, 2, 3]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(whole.length), (changes, length) => {
      const bytes = whole.slice();
      for (const [at, value] of changes) bytes[at] = value;
      try {
        const wav = readWav(bytes.subarray(0, length));
        for (let index = 0; index < Math.min(wav.length, 8); index++) assert.ok(Math.abs(wav.sample(0, index)) <= 1);
      } catch (error) {
        assert.ok(error instanceof HayateError && error.code === 'BAD_REQUEST', String(error));
      }
    }),
  );
  assert.throws(() => readWav(new Uint8Array(100)), /not a RIFF/);
});

test('a tone keeps its frequency, phase and level through resampling, and what cannot be kept goes', () => {
  for (const rate of [8_000, 16_000, 22_050, 44_100, 48_000, 96_000]) {
    const resampler = new Resampler(rate);
    const seconds = 0.2;
    assert.equal(resampler.outputLength(rate * seconds), 48_000 * seconds);
    const tone = (hz: number) => (index: number) =>
      index < 0 || index >= rate * seconds ? 0 : Math.sin((2 * Math.PI * hz * index) / rate);
    for (let n = 2_400; n < 7_200; n += 11) {
      const expected = Math.sin((2 * Math.PI * 1_000 * n) / 48_000);
      assert.ok(Math.abs(resampler.at(n, tone(1_000)) - expected) < 0.002, `${rate} Hz at ${n}`);
      if (rate === 96_000) assert.ok(Math.abs(resampler.at(n, tone(30_000))) < 0.002, 'nothing aliases');
    }
  }
});
