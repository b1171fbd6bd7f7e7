// Resampling from any rate to 48 kHz. Oracles: sines, sox and ffmpeg.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { requireTool } from '../../../../../test/support/require-tool.ts';
import { Resampler } from './resampler.ts';

/** Returns all of `samples` through a resampler, in blocks that begin at each of `cuts`. */
function resample(
  samples: Float32Array,
  { sampleRate, channels = 1, cuts = [] }: { sampleRate: number; channels?: number; cuts?: number[] },
) {
  const resampler = new Resampler({ sampleRate, channels });
  const edges = [0, ...cuts.map((cut) => cut * channels).sort((a, b) => a - b), samples.length];
  const parts = edges.slice(1).map((edge, i) => resampler.push(samples.slice(edges[i], edge)));
  const all = [...parts, resampler.end()].flatMap((part) => [...part]);
  assert.equal(all.length, resampler.outputLength(samples.length / channels) * channels);
  return all;
}

const sine = (hz: number, sampleRate: number, length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * hz * i) / sampleRate));

const rates = [1_000, 8_000, 11_025, 16_000, 22_050, 37_800, 44_056, 44_057, 44_100, 48_000, 96_000, 192_000, 767_999];

test('a tone keeps its frequency, phase and level, and frequencies that 48 kHz cannot hold are removed', () => {
  for (const sampleRate of rates) {
    const length = Math.round(sampleRate / 5);
    const hz = Math.min(1_000, sampleRate / 4);
    const out = resample(sine(hz, sampleRate, length), { sampleRate });
    for (let n = 2_400; n < 7_200; n += 11) {
      const expected = Math.sin((2 * Math.PI * hz * n) / 48_000);
      assert.ok(Math.abs((out[n] ?? 0) - expected) < 0.002, `${sampleRate} Hz at ${n}: ${out[n]} for ${expected}`);
    }
    if (sampleRate < 96_000) continue;
    const beyond = resample(sine(30_000, sampleRate, length), { sampleRate });
    for (let n = 2_400; n < 7_200; n += 11) assert.ok(Math.abs(beyond[n] ?? 1) < 0.002, `${sampleRate} Hz: 30 kHz aliases at ${n}`);
  }
});

test('the output does not depend on how the input is cut into blocks', () => {
  const cases = fc.record({
    sampleRate: fc.constantFrom(...rates),
    channels: fc.constantFrom(1, 2),
    cuts: fc.array(fc.nat(1_200), { maxLength: 12 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(cases, ({ sampleRate, channels, cuts, seed }) => {
      const samples = Float32Array.from({ length: 1_200 * channels }, (_, i) => Math.sin(i * i + seed));
      assert.deepEqual(resample(samples, { sampleRate, channels, cuts }), resample(samples, { sampleRate, channels }));
    }),
    { numRuns: 60 },
  );
});

test('the channels of a stereo recording do not touch each other', () => {
  const [left, right] = [sine(700, 44_100, 4_410), sine(900, 44_100, 4_410)];
  const both = Float32Array.from({ length: 8_820 }, (_, i) => (i % 2 === 0 ? left : right)[i >> 1] ?? 0);
  const out = resample(both, { sampleRate: 44_100, channels: 2 });
  const alone = [resample(left, { sampleRate: 44_100 }), resample(right, { sampleRate: 44_100 })];
  for (const [channel, expected] of alone.entries())
    assert.deepEqual(
      out.filter((_, i) => i % 2 === channel),
      expected,
    );
});

/** Returns `samples` (32-bit float, mono) at 48 kHz, by another program's resampler. */
function resampledBy(t: TestContext, tool: 'sox' | 'ffmpeg', samples: Float32Array, sampleRate: number): Float32Array | undefined {
  const path = requireTool(t, tool);
  if (path === undefined) return undefined;
  const raw = ['-t', 'f32', '-c', '1', '-r'];
  const args = {
    sox: ['-D', ...raw, `${sampleRate}`, '-', ...raw, '48000', '-', 'rate', '-v', '48000'],
    ffmpeg: ['-v', 'error', '-f', 'f32le', '-ac', '1', '-ar', `${sampleRate}`, '-i', '-', '-ar', '48000', '-f', 'f32le', '-'],
  }[tool];
  const { status, stdout, stderr } = spawnSync(path, args, { input: new Uint8Array(samples.buffer), maxBuffer: 1 << 26 });
  assert.equal(status, 0, String(stderr));
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
}

for (const tool of ['sox', 'ffmpeg'] as const)
  test(`speech-like sound differs from the output of ${tool} by less than -90 dB`, (t) => {
    for (const sampleRate of [8_000, 22_050, 44_100, 96_000]) {
      // Harmonics of 120 Hz up to 0.4 of the rate, which fade in and out.
      const length = sampleRate;
      const harmonics = Math.floor((0.4 * Math.min(sampleRate, 48_000)) / 120);
      const samples = Float32Array.from({ length }, (_, i) => {
        let sum = 0;
        for (let h = 1; h <= harmonics; h += 3) sum += Math.sin((2 * Math.PI * 120 * h * i) / sampleRate + h * h) / h;
        return 0.3 * sum * Math.sin((Math.PI * i) / length) ** 2;
      });
      const theirs = resampledBy(t, tool, samples, sampleRate);
      if (theirs === undefined) return;
      const ours = resample(samples, { sampleRate });
      let [error, power] = [0, 0];
      for (let n = 4_800; n < 43_200; n++) {
        error += ((ours[n] ?? 0) - (theirs[n] ?? 0)) ** 2;
        power += (theirs[n] ?? 0) ** 2;
      }
      const decibels = 10 * Math.log10(error / power);
      assert.ok(decibels < -90, `${sampleRate} Hz: ${decibels.toFixed(1)} dB`);
      t.diagnostic(`${sampleRate} Hz: ${decibels.toFixed(1)} dB`);
    }
  });
