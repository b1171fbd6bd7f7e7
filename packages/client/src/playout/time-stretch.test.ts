import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fft } from '../../../../test/support/signal.ts';
import { type SoundBlock, TimeStretch } from './time-stretch.ts';

const RATE = 48_000;
const tone = (hertz: number, length: number) => Float32Array.from({ length }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / RATE));

/** Pushes a sound that begins at `position` in blocks of `size`; returns all output. */
function stretch(speed: number, sound: Float32Array<ArrayBuffer>, { position = 0, size = 960 } = {}): SoundBlock[] {
  const stretcher = new TimeStretch(speed, 1);
  const blocks: SoundBlock[] = [];
  for (let at = 0; at < sound.length; at += size)
    blocks.push(...stretcher.push({ position: position + at, channels: [sound.slice(at, at + size)] }));
  return blocks;
}

const joined = (blocks: readonly SoundBlock[]) => Float32Array.from(blocks.flatMap(({ channels }) => [...(channels[0] ?? [])]));

/** The loudest frequency, hertz, to within 6 Hz. */
function pitchOf(sound: Float32Array): number {
  const size = 8_192;
  const re = new Float64Array(size);
  for (let i = 0; i < size; i++) re[i] = (sound[i + 2_000] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const im = new Float64Array(size);
  fft(re, im);
  let best = 0;
  for (let k = 1; k < size / 2; k++) if (Math.hypot(re[k] ?? 0, im[k] ?? 0) > Math.hypot(re[best] ?? 0, im[best] ?? 0)) best = k;
  return (best * RATE) / size;
}

test('a tone keeps its pitch and loudness at every speed', () => {
  for (const speed of [0.5, 0.75, 1.25, 1.5, 2, 3, 4])
    for (const hertz of [90, 220, 750]) {
      const output = joined(stretch(speed, tone(hertz, RATE * 2)));
      assert.ok(Math.abs(output.length - (RATE * 2) / speed) < 2_000, `${output.length} samples at ${speed}`);
      assert.ok(Math.abs(pitchOf(output) - hertz) < 7, `${pitchOf(output)} Hz of ${hertz} at ${speed}`);
      const level = Math.sqrt(output.reduce((sum, value) => sum + value * value, 0) / output.length);
      assert.ok(Math.abs(level - 0.5 / Math.SQRT2) < 0.02, `loudness ${level} at ${speed}`);
    }
});

test('output time matches input time: a burst begins at its position', () => {
  for (const speed of [0.5, 2, 4])
    for (const at of [20_000, 40_123, 71_000]) {
      const sound = new Float32Array(RATE * 2);
      sound.fill(1, at, at + 4_000);
      const output = joined(stretch(speed, sound));
      const found = output.findIndex((value) => value > 0.5);
      assert.ok(Math.abs(found * speed - at) <= 360 + 480 * speed, `${found * speed} for ${at} at ${speed}`);
    }
});

test('at speed 1 the output equals the input', () => {
  const sound = tone(300, 9_600);
  const blocks = stretch(1, sound, { position: 77 });
  assert.deepEqual(joined(blocks), sound);
  assert.equal(blocks[0]?.position, 77);
});

test('blocks of any size give the same sound, without gaps, and stretching restarts after a hole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.constantFrom(0.5, 1.5, 4), fc.nat(1_000_000), (size, speed, position) => {
      const sound = tone(180, 30_000);
      const blocks = stretch(speed, sound, { position, size });
      assert.deepEqual(joined(blocks), joined(stretch(speed, sound, { position })));
      for (const [i, block] of blocks.entries()) if (i > 0) assert.equal(block.position, (blocks[i - 1]?.position ?? 0) + 480);
      const stretcher = new TimeStretch(speed, 1);
      stretcher.push({ position, channels: [sound] });
      const [behind] = stretcher.push({ position: position + 100_000, channels: [sound] });
      assert.ok(behind !== undefined && behind.position * speed >= position + 100_000);
      assert.ok(behind.position * speed < position + 100_000 + 480 * speed);
    }),
    { numRuns: 40 },
  );
});

test('both channels are stretched in the same way', () => {
  const stretcher = new TimeStretch(2, 2);
  const [left, right] = [tone(200, 960), tone(200, 960).map((value) => -value)];
  for (let block = 0; block < 500; block++)
    for (const { channels } of stretcher.push({ position: block * 960, channels: [left, right] })) {
      assert.equal(channels.length, 2);
      assert.ok(channels[0]?.every((value, i) => Math.abs(value + (channels[1]?.[i] ?? 0)) < 1e-6));
    }
});
