// Performers: the mouth's reaction to sounds of known formants, and the validity of every pose.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bones, createPose, type Pose, type ShapeName, Shapes } from '@hayate/protocol';
import fc from 'fast-check';
import { audioLevel, IdlePerformer, PointerPerformer, perform, VoicePerformer } from './index.ts';

const RATE = 48_000;

function weight(pose: Pose, shape: ShapeName): number {
  return pose.shapes[Shapes.indexOf(shape)] ?? Number.NaN;
}

function assertSound(pose: Pose): void {
  for (let bone = 0; bone < Bones.length; bone++) {
    const length = Math.hypot(...pose.rotations.subarray(bone * 4, bone * 4 + 4));
    assert.ok(Math.abs(length - 1) < 1e-5, `${Bones[bone]} has length ${length}`);
  }
  for (const [index, value] of pose.shapes.entries()) assert.ok(value >= 0 && value <= 1, `${Shapes[index]} is ${value}`);
  for (const metres of pose.hips) assert.ok(Math.abs(metres) < 0.05);
}

/** Where a bone chain's vector (along `axis` of the last bone) points. */
function rotate(pose: Pose, bones: readonly (typeof Bones)[number][], axis: readonly [number, number, number]): number[] {
  let v = [...axis];
  for (const bone of bones.toReversed()) {
    const at = Bones.indexOf(bone) * 4;
    const [qx = 0, qy = 0, qz = 0, qw = 1] = pose.rotations.subarray(at, at + 4);
    const [x = 0, y = 0, z = 0] = v;
    const [tx, ty, tz] = [2 * (qy * z - qz * y), 2 * (qz * x - qx * z), 2 * (qx * y - qy * x)];
    v = [x + qw * tx + qy * tz - qz * ty, y + qw * ty + qz * tx - qx * tz, z + qw * tz + qx * ty - qy * tx];
  }
  return v;
}

/** A vowel: pulses of a voice at `pitchHz` through resonators at the formants, scaled to `peak`. */
function vowel(formantsHz: readonly number[], seconds: number, peak = 0.4, pitchHz = 120): Float32Array {
  let signal = Float32Array.from({ length: RATE * seconds }, (_, i) => (i % Math.round(RATE / pitchHz) === 0 ? 1 : 0));
  for (const hz of formantsHz) {
    const r = Math.exp((-Math.PI * 90) / RATE);
    const [a1, a2] = [2 * r * Math.cos((2 * Math.PI * hz) / RATE), -r * r];
    const out = new Float32Array(signal.length);
    for (let i = 0; i < out.length; i++) out[i] = (signal[i] ?? 0) * (1 - a1 - a2) + a1 * (out[i - 1] ?? 0) + a2 * (out[i - 2] ?? 0);
    signal = out;
  }
  const largest = signal.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  return signal.map((sample) => (sample / largest) * peak);
}

/** A voice performer that has heard `samples` in blocks of 20 ms from time 0. */
function heard(samples: Float32Array, blockSamples = 960): VoicePerformer {
  const voice = new VoicePerformer();
  for (let at = 0; at < samples.length; at += blockSamples) voice.hear(samples.subarray(at, at + blockSamples), at / 48);
  return voice;
}

test('a level is RFC 6464 dBov: 0 for a full-scale square wave, 127 for silence', () => {
  assert.equal(audioLevel(new Float32Array(960)), 127);
  assert.equal(audioLevel(new Float32Array(0)), 127);
  assert.equal(audioLevel(new Float32Array(960).map((_, i) => (i & 1 ? 1 : -1))), 0);
  assert.equal(audioLevel(new Float32Array(960).map((_, i) => 0.1 * Math.sin(i / 10))), 23);
});

test('the mouth stays shut in silence and in the noise of a quiet room', () => {
  let state = 1;
  const noise = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    return state / 0x8000_0000;
  };
  for (const amplitude of [0, 0.000_5, 0.002]) {
    const voice = heard(Float32Array.from({ length: RATE * 3 }, () => amplitude * noise()));
    for (let ms = 500; ms < 3_000; ms += 33) {
      const pose = perform(ms, voice);
      assert.ok(
        pose.shapes.every((value) => value === 0),
        `moved at ${ms} ms with noise of ${amplitude}`,
      );
    }
  }
});

test('the jaw follows the loudness of speech', () => {
  const syllables = vowel([730, 1_090, 2_440], 4);
  const envelope = (ms: number) => Math.max(0, Math.sin((2 * Math.PI * ms) / 400)) ** 2;
  const voice = heard(syllables.map((sample, i) => sample * envelope(i / 48)));
  const pairs: [number, number][] = [];
  for (let ms = 400; ms < 3_900; ms += 20) pairs.push([envelope(ms - 25), weight(perform(ms, voice), 'jawOpen')]);
  const mean = (k: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[k], 0) / pairs.length;
  const [a, b] = [mean(0), mean(1)];
  const moment = (f: (x: number, y: number) => number) => pairs.reduce((sum, [x, y]) => sum + f(x - a, y - b), 0);
  const correlation = moment((x, y) => x * y) / Math.sqrt(moment((x) => x * x) * moment((_, y) => y * y));
  assert.ok(correlation > 0.8, `correlation ${correlation}`);
  assert.ok(Math.max(...pairs.map(([, jaw]) => jaw)) > 0.3, 'it opens visibly');
  assert.ok(Math.min(...pairs.map(([, jaw]) => jaw)) < 0.05, 'it shuts between syllables');
});

test('vowels look different: a opens the jaw, u rounds the lips, i draws them wide', () => {
  // Formants of a man's vowels: Peterson and Barney, 1952, table II.
  const at = (formantsHz: readonly number[]) => perform(900, heard(vowel(formantsHz, 1)));
  const [a, i, u] = [at([730, 1_090, 2_440]), at([270, 2_290, 3_010]), at([300, 870, 2_240])];
  const shapes = (shape: ShapeName) => [weight(a, shape), weight(i, shape), weight(u, shape)] as const;
  const [jawA, jawI, jawU] = shapes('jawOpen');
  assert.ok(jawA > 1.5 * jawI && jawA > 1.5 * jawU, `jaw ${jawA} ${jawI} ${jawU}`);
  const [wideA, wideI, wideU] = shapes('mouthStretchLeft');
  assert.ok(wideI > 1.5 * wideA && wideI > 1.5 * wideU, `wide ${wideA} ${wideI} ${wideU}`);
  const round = [a, i, u].map((pose) => weight(pose, 'mouthFunnel') + weight(pose, 'mouthPucker')) as [number, number, number];
  assert.ok(round[2] > 1.5 * round[0] && round[2] > 1.5 * round[1], `round ${round}`);
});

test('the mouth depends only on the sound, not on how it is cut into blocks', () => {
  const samples = vowel([730, 1_090], 1);
  const whole = heard(samples, samples.length);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 1_500 }), (blockSamples, ms) => {
      assert.deepEqual(perform(ms, heard(samples, blockSamples)), perform(ms, whole));
    }),
    { numRuns: 20 },
  );
});

test('after the last sound the mouth falls shut, and a gap in time starts over', () => {
  const voice = heard(vowel([730, 1_090], 1));
  assert.ok(weight(perform(990, voice), 'jawOpen') > 0.2);
  assert.deepEqual(perform(3_000, voice).shapes, createPose().shapes);
  voice.hear(new Float32Array(960), 5_000);
  assert.deepEqual(perform(5_010, voice).shapes, createPose().shapes);
});

test('a seed gives the same motion in any order of times, and another seed a different one', () => {
  const times = Array.from({ length: 200 }, (_, i) => i * 171);
  const poses = (seed: number, order: number[]) => new Map(order.map((ms) => [ms, perform(ms, new IdlePerformer(seed))]));
  const forth = poses(7, times);
  const back = poses(7, times.toReversed());
  for (const ms of times) assert.deepEqual(forth.get(ms), back.get(ms));
  assert.notDeepEqual(perform(5_000, new IdlePerformer(7)), perform(5_000, new IdlePerformer(8)));
});

test('an idle avatar blinks, and no bone moves more than 20 degrees a 60th of a second', () => {
  const idle = new IdlePerformer(3);
  let blinks = 0;
  let last = perform(0, idle);
  for (let ms = 1000 / 60; ms < 60_000; ms += 1000 / 60) {
    const pose = perform(ms, idle);
    if (weight(pose, 'eyeBlinkLeft') > 0.9 && weight(last, 'eyeBlinkLeft') <= 0.9) blinks++;
    for (let at = 0; at < pose.rotations.length; at += 4) {
      const dot = [0, 1, 2, 3].reduce((sum, k) => sum + (pose.rotations[at + k] ?? 0) * (last.rotations[at + k] ?? 0), 0);
      assert.ok(2 * Math.acos(Math.min(1, Math.abs(dot))) < (20 * Math.PI) / 180, `${Bones[at / 4]} at ${ms} ms`);
    }
    last = pose;
  }
  assert.ok(blinks >= 10 && blinks <= 30, `${blinks} blinks a minute`);
});

test('the arms of the T-pose hang down, with the hands a little in front', () => {
  const pose = perform(0, new IdlePerformer());
  for (const [side, x] of [
    ['left', 1],
    ['right', -1],
  ] as const) {
    const upper = rotate(pose, [`${side}UpperArm`], [x, 0, 0]);
    assert.ok((upper[1] ?? 0) < -0.9 && (upper[0] ?? 0) * x > 0.2, `${side} upper arm ${upper}`);
    const lower = rotate(pose, [`${side}UpperArm`, `${side}LowerArm`], [x, 0, 0]);
    assert.ok((lower[1] ?? 0) < -0.85 && (lower[2] ?? 0) > 0.15, `${side} lower arm ${lower}`);
  }
});

test('head and eyes turn to the pointer, settle there, and come back when it leaves', () => {
  const pointer = new PointerPerformer();
  pointer.point(1, 1, 0);
  const chain = ['upperChest', 'neck', 'head'] as const;
  const early = perform(60, pointer);
  const eyes = rotate(early, ['leftEye'], [0, 0, 1]);
  assert.ok((eyes[0] ?? 0) > 0.05 && (eyes[1] ?? 0) > 0.02, 'eyes first');
  const settled = rotate(perform(3_000, pointer), chain, [0, 0, 1]);
  assert.ok((settled[0] ?? 0) > 0.4 && (settled[1] ?? 0) > 0.2, `looks right and up: ${settled}`);
  pointer.leave(3_000);
  assert.ok((rotate(perform(6_000, pointer), chain, [0, 0, 1])[2] ?? 0) > 0.9999, 'looks ahead again');
});

test('the performers together always make a valid pose', () => {
  const samples = vowel([730, 1_090], 2, 1);
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.tuple(fc.double(), fc.double(), fc.nat(500)), { maxLength: 20 }),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.double({ min: 0, max: 100, noNaN: true }),
      (seed, path, atMs, gain) => {
        const pointer = new PointerPerformer();
        const voice = new VoicePerformer();
        let nowMs = atMs;
        for (const [x, y, waitMs] of path) {
          pointer.point(x, y, nowMs);
          voice.hear(
            samples.subarray(0, 4_800).map((sample) => sample * gain),
            nowMs,
          );
          nowMs += waitMs;
        }
        assertSound(perform(nowMs, new IdlePerformer(seed), pointer, voice));
      },
    ),
  );
});
