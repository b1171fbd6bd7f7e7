// Motion payload vectors: a key, deltas over it, and payloads that readers must refuse. Poses are
// written in fractions, so that the vectors are the same on every machine.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type BoneName,
  Bones,
  createPose,
  decodeMotion,
  encodeMotionDelta,
  encodeMotionKey,
  MotionSchema,
  type Pose,
  quantisePose,
  type ShapeName,
  Shapes,
} from '../../src/index.ts';
import { tiedPose } from './rotation.ts';
import { invalid, type MotionValue, type Vector, valid } from './vector.ts';

function poseOf(
  hips: readonly number[],
  bones: Partial<Record<BoneName, readonly number[]>>,
  shapes: Partial<Record<ShapeName, number>>,
): Pose {
  const pose = createPose();
  pose.hips.set(hips);
  for (const [bone, q] of Object.entries(bones)) pose.rotations.set(q, (Bones as readonly string[]).indexOf(bone) * 4);
  for (const [shape, weight] of Object.entries(shapes)) pose.shapes[(Shapes as readonly string[]).indexOf(shape)] = weight;
  return pose;
}

const key = quantisePose(
  poseOf(
    [0.0125, -0.25, 1.5],
    { hips: [0, 0.6, 0, 0.8], head: [0.5, 0.5, 0.5, 0.5], leftEye: [0.28, 0, 0, -0.96], rightLittleDistal: [0.6, -0.48, 0.64, 0] },
    { eyeBlinkLeft: 1, jawOpen: 0.5, tongueOut: 0.25 },
  ),
);
const next = quantisePose(
  poseOf(
    [0.0125, -0.25, 1.5],
    { hips: [0, 0.6, 0, 0.8], head: [0, 0.28, 0, 0.96], rightLittleDistal: [0.6, -0.48, 0.64, 0] },
    { jawOpen: 0.75, tongueOut: 0.25 },
  ),
);
const still = quantisePose(createPose());

/** The payload of the key vector. */
export const keyPayload = encodeMotionKey(key);
/**
 * The payload of the delta vector: head, left eye (back to rest), jawOpen and eyeBlinkLeft (back to
 * rest) differ.
 */
export const deltaPayload = encodeMotionDelta(next, key);

function motion(name: string, about: string, payload: Uint8Array, keyName?: string): Vector {
  const { quantised, pose } = decodeMotion(payload, keyName === undefined ? undefined : key);
  const value: MotionValue = {
    ...(keyName === undefined ? {} : { key: keyName }),
    quantised: {
      hips: [...quantised.hips],
      rotations: Bones.map((_, i) => Buffer.from(quantised.rotations.subarray(i * 6, i * 6 + 6)).toString('hex')),
      shapes: [...quantised.shapes],
    },
    pose: {
      hips: [...pose.hips],
      rotations: Bones.map((_, i) => [...pose.rotations.subarray(i * 4, i * 4 + 4)]),
      shapes: [...pose.shapes],
    },
  };
  return { ...valid(name, MotionSchema, about, payload), motion: value };
}

const message = (fields: Parameters<typeof create<typeof MotionSchema>>[1]) => toBinary(MotionSchema, create(MotionSchema, fields));

/** All motion vectors. */
export const motionVectors: readonly Vector[] = [
  motion('motion-rest', 'a key pose at rest: no bytes', encodeMotionKey(still)),
  motion('motion-key', 'a key pose: four bones, three shapes, hips', keyPayload),
  motion('motion-delta', 'a delta: two bones and two shapes changed, one of each back at rest', deltaPayload, 'motion-key'),
  motion('motion-delta-none', 'a delta without a difference: no bytes', encodeMotionDelta(key, key), 'motion-key'),
  motion('motion-delta-rest', 'a delta back to the rest pose', encodeMotionDelta(still, key), 'motion-key'),
  motion(
    'motion-near-ties',
    'a key pose whose first bones are those of rotations.json: each gets other bytes when it is quantised again',
    encodeMotionKey(quantisePose(tiedPose)),
  ),
  motion(
    'motion-extra-bones',
    'bone 56 and shape 60 of a later version with bone 0 and shape 17: ignored',
    message({
      boneMask: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1),
      rotations: Uint8Array.from([...key.rotations.subarray(0, 6), 1, 2, 3, 4, 5, 6]),
      shapeMask: Uint8Array.of(0, 0, 2, 0, 0, 0, 0, 16),
      shapes: Uint8Array.of(128, 9),
    }),
  ),
  invalid(
    'motion-bad-short',
    'Motion',
    'the mask names two bones, but there is one rotation',
    message({ boneMask: Uint8Array.of(3), rotations: new Uint8Array(6) }),
  ),
  invalid(
    'motion-bad-long',
    'Motion',
    'there are more shapes than the mask names',
    message({ shapeMask: Uint8Array.of(1), shapes: Uint8Array.of(1, 2) }),
  ),
  invalid('motion-bad-hips', 'Motion', 'a hips translation of two components', message({ hips: [1, 2] })),
  invalid('motion-bad-bytes', 'Motion', 'not a Protobuf message', Uint8Array.of(0x0a, 9, 1)),
];
