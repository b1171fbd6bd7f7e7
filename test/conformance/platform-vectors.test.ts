// The vectors for platforms, compared with independent sources: three.js for rotations, exact
// fractions for clocks, the lists that Unity and MediaPipe publish. The tests of the other vectors
// also check that the script writes these.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bones, cleanText, Shapes } from '@hayate/protocol';
import { Matrix4, Quaternion, Vector3 } from 'three';
import { platformVectors } from '../../packages/protocol/scripts/vector/platform.ts';
import type {
  BonePose,
  FaceShapes,
  MatrixPoses,
  OpusHeads,
  PlaybackClocks,
  TextClean,
  UnityBones,
  UnityPoses,
} from './platform/platform-vector.ts';

const vectors = <T>(name: string): T => JSON.parse(Buffer.from(platformVectors.get(name) ?? []).toString('utf8')) as T;
const unityPoses = vectors<UnityPoses>('unity-pose.json');
const matrixPoses = vectors<MatrixPoses>('matrix-pose.json');

const near = (actual: readonly number[], wanted: readonly number[]): void => {
  assert.equal(actual.length, wanted.length);
  for (const [i, value] of actual.entries()) assert.ok(Math.abs(value - (wanted[i] ?? Number.NaN)) < 1e-12, `${actual} is not ${wanted}`);
};
const quaternion = ([x, y, z, w]: readonly number[]): Quaternion => new Quaternion(x, y, z, w);
const vector = ([x, y, z]: readonly number[]): Vector3 => new Vector3(x, y, z);
const matrixOf = (rotation: Quaternion): Matrix4 => new Matrix4().makeRotationFromQuaternion(rotation);
/** Mirrors x: from the wire's axes to Unity's, and back. */
const mirror = new Matrix4().makeScale(-1, 1, 1);

test('a rotation in Unity is that of the wire mirrored across x', () => {
  assert.ok(unityPoses.rotations.length >= 9);
  for (const { vrm, unity, directions } of unityPoses.rotations) {
    near([Math.hypot(...unity)], [1]);
    near(
      matrixOf(quaternion(unity)).elements,
      mirror
        .clone()
        .multiply(matrixOf(quaternion(vrm)))
        .multiply(mirror).elements,
    );
    for (const turned of directions) {
      near(vector(turned.vrm.from).applyQuaternion(quaternion(vrm)).toArray(), turned.vrm.to);
      near(vector(turned.unity.from).applyQuaternion(quaternion(unity)).toArray(), turned.unity.to);
      near(vector(turned.vrm.to).applyMatrix4(mirror).toArray(), turned.unity.to);
    }
  }
  for (const { vrm, unity } of unityPoses.positions) near(vector(vrm).applyMatrix4(mirror).toArray(), unity);
});

test('an arm that goes down on the wire goes down in Unity, and the avatar faces +z in both', () => {
  const [left] = unityPoses.rotations.filter(({ vrm }) => vrm[2] === -0.6 && vrm[3] === 0.8);
  const hand = left?.directions.find(({ vrm }) => vrm.from[0] === 1);
  assert.deepEqual([hand?.unity.from, (hand?.unity.to[1] ?? 0) < -0.9, (hand?.unity.to[0] ?? 0) < 0], [[-1, 0, 0], true, true]);
  for (const { directions } of unityPoses.rotations)
    assert.deepEqual(directions.find(({ vrm }) => vrm.from[2] === 1)?.unity.from, [0, 0, 1]);
});

/**
 * The rotation in the root's axes, seen from the bone: in the root, `rotation` is applied after the
 * rest rotation. The parent's rest rotation follows from the two rest rotations of the bone.
 */
const checkOwnBone = ({ initialLocal, initialRoot, local }: BonePose, rotation: Quaternion): void => {
  const parent = matrixOf(quaternion(initialRoot)).multiply(matrixOf(quaternion(initialLocal)).invert());
  const inRoot = parent.clone().multiply(matrixOf(quaternion(local)));
  near(inRoot.elements, matrixOf(rotation).multiply(matrixOf(quaternion(initialRoot))).elements);
};

test("a model's own bone stands in the root as the rest pose turned by the rotation of the wire", () => {
  assert.ok(unityPoses.ownBones.length >= 36 && matrixPoses.ownBones.length === unityPoses.ownBones.length);
  for (const bone of unityPoses.ownBones) {
    const [x = 0, y = 0, z = 0, w = 0] = bone.vrm;
    checkOwnBone(bone, new Quaternion(x, -y, -z, w));
  }
  for (const bone of matrixPoses.ownBones) checkOwnBone(bone, quaternion(bone.vrm));
});

test('a matrix is the rotation and the translation, column by column', () => {
  for (const { rotation, position, columns } of matrixPoses.poses)
    near(columns, new Matrix4().compose(vector(position), quaternion(rotation), new Vector3(1, 1, 1)).elements);
});

test('every bone has its number in Unity, no two the same, and thumbs are one name further', () => {
  const { bones } = vectors<UnityBones>('unity-bone.json');
  assert.deepEqual(
    bones.map(({ bone }) => bone),
    [...Bones],
  );
  assert.deepEqual(
    bones.map(({ value }) => value).sort((a, b) => a - b),
    Array.from({ length: 55 }, (_, i) => i),
  );
  // Numbers from https://docs.unity3d.com/ScriptReference/HumanBodyBones.html.
  const known: Record<string, [string, number]> = {
    hips: ['Hips', 0],
    leftUpperLeg: ['LeftUpperLeg', 1],
    rightFoot: ['RightFoot', 6],
    spine: ['Spine', 7],
    neck: ['Neck', 9],
    head: ['Head', 10],
    leftShoulder: ['LeftShoulder', 11],
    rightHand: ['RightHand', 18],
    rightToes: ['RightToes', 20],
    leftEye: ['LeftEye', 21],
    rightEye: ['RightEye', 22],
    jaw: ['Jaw', 23],
    leftThumbMetacarpal: ['LeftThumbProximal', 24],
    leftThumbProximal: ['LeftThumbIntermediate', 25],
    leftThumbDistal: ['LeftThumbDistal', 26],
    leftIndexProximal: ['LeftIndexProximal', 27],
    leftLittleDistal: ['LeftLittleDistal', 38],
    rightThumbMetacarpal: ['RightThumbProximal', 39],
    rightThumbProximal: ['RightThumbIntermediate', 40],
    rightLittleDistal: ['RightLittleDistal', 53],
    upperChest: ['UpperChest', 54],
  };
  const byBone = new Map(bones.map(({ bone, humanBodyBone, value }) => [bone, [humanBodyBone, value]]));
  for (const [bone, wanted] of Object.entries(known)) assert.deepEqual(byBone.get(bone), wanted, bone);
});

/** The categories of MediaPipe's face_landmarker model, in the order of its output. */
const mediaPipe =
  `_neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight
  eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft
  eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft
  mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight
  mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
  mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight`.split(/\s+/);

test('every shape has the names of ARKit and VRM, and the index of MediaPipe, which lacks the tongue', () => {
  const face = vectors<FaceShapes>('face-shape.json');
  assert.deepEqual(face.mediaPipe, mediaPipe);
  assert.deepEqual(
    face.shapes.map(({ shape, index }) => [shape, index]),
    Shapes.map((shape, index) => [shape, index]),
  );
  for (const { shape, arkit, mediaPipe: index, expression } of face.shapes) {
    assert.equal(index === null ? undefined : mediaPipe[index], shape === 'tongueOut' ? undefined : shape);
    assert.equal(expression.toLowerCase(), shape.toLowerCase());
    assert.match(expression, /^[A-Z]/);
    assert.equal(arkit.replace(/_L$/, 'Left').replace(/_R$/, 'Right'), shape);
  }
  const arkit = new Map(face.shapes.map((each) => [each.shape, each.arkit]));
  assert.deepEqual(
    ['eyeBlinkLeft', 'mouthSmileRight', 'mouthLeft', 'jawRight', 'browInnerUp'].map((shape) => arkit.get(shape)),
    ['eyeBlink_L', 'mouthSmile_R', 'mouthLeft', 'jawRight', 'browInnerUp'],
  );
});

test('clocks are exact to a sample, and the capture time to the duration of a sample', () => {
  const { frame, unity, android, apple } = vectors<PlaybackClocks>('playback-clock.json');
  /** Whether `value` is the exact `numerator / divisor`, rounded by less than `most`. */
  const isNear = (value: number, numerator: bigint, divisor: bigint, most: bigint): boolean => {
    const error = BigInt(value) * divisor - numerator;
    return (error < 0n ? -error : error) <= most * divisor;
  };
  for (const { position, captureUs } of [...unity, ...android, ...apple])
    assert.ok(isNear(captureUs - frame.captureUs, BigInt(position - frame.position) * 1_000_000n, 48_000n, 1n), `${position}`);
  for (const { dspTime, anchorDspTime, anchorPosition, position } of unity)
    assert.equal(position - anchorPosition, (dspTime - anchorDspTime) * 48_000);
  for (const at of android) {
    const played = BigInt(at.framePosition) * 48_000n * 1_000_000_000n;
    const since = BigInt(at.nowNanos - at.nanoTime) * 48_000n * BigInt(at.sampleRate);
    assert.ok(isNear(at.position - at.firstPosition, played + since, BigInt(at.sampleRate) * 1_000_000_000n, 2n));
  }
  for (const at of apple) {
    const { numer, denom } = at.timebase;
    const played = BigInt(at.sampleTime) * 48_000n * 1_000_000_000n * BigInt(denom);
    const since = BigInt(at.nowHostTime - at.hostTime) * BigInt(numer) * 48_000n * BigInt(at.sampleRate);
    assert.ok(isNear(at.position - at.firstPosition, played + since, BigInt(at.sampleRate * denom) * 1_000_000_000n, 2n));
    assert.ok(isNear(at.elapsedNanos, BigInt(at.nowHostTime - at.hostTime) * BigInt(numer), BigInt(denom), 1n));
  }
});

test('an OpusHead is that of RFC 7845, and its delays are whole nanoseconds', () => {
  const { configurations } = vectors<OpusHeads>('opus-head.json');
  assert.ok(configurations.some(({ audio }) => audio.preSkip === 0) && configurations.some(({ audio }) => audio.channels === 2));
  for (const { audio, ...buffers } of configurations) {
    const head = Buffer.from(buffers['csd-0'], 'hex');
    assert.equal(head.length, 19);
    assert.deepEqual([head.toString('latin1', 0, 8), head[8], head[9], head[18]], ['OpusHead', 1, audio.channels, 0]);
    assert.deepEqual([head.readUInt16LE(10), head.readUInt32LE(12), head.readInt16LE(16)], [audio.preSkip, audio.inputSampleRate, 0]);
    const nanoseconds = ['csd-1', 'csd-2'].map((key) => Buffer.from(buffers[key as 'csd-1'], 'hex').readBigUInt64LE());
    assert.deepEqual(nanoseconds, [BigInt(Math.floor((audio.preSkip * 1e6) / 48)), 80_000_000n]);
  }
});

test('every rule of cleaning has a vector, and cleaning the result changes nothing', () => {
  const { texts } = vectors<TextClean>('text-clean.json');
  for (const { input, line, lines, units } of texts) {
    assert.deepEqual([cleanText(line), cleanText(lines, { lines: true })], [line, lines]);
    assert.deepEqual(units, [input.length, line.length, lines.length]);
  }
  const expected = {
    'line breaks of five kinds and a tab': ['one two three four five six', 'one\ntwo three\nfour\nfive\nsix'],
    'half a surrogate pair': ['half  and  half', 'half  and  half'],
    'a combining mark is composed': ['\u304c \u00e9', '\u304c \u00e9'],
    'more than eight marks': [`z${'\u0315'.repeat(8)}o`, `z${'\u0315'.repeat(8)}o`],
    'nothing visible': ['', ''],
  };
  for (const [about, wanted] of Object.entries(expected)) {
    const found = texts.find((each) => each.about === about);
    assert.deepEqual([found?.line, found?.lines], wanted, about);
  }
});

test('the files are ASCII, so that no editor changes their text', () => {
  for (const [name, bytes] of platformVectors)
    assert.ok(
      bytes.every((byte) => byte < 0x7f),
      name,
    );
});
