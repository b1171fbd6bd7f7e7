// Quantised rotations that give other bytes when quantised again. After decoding, the omitted
// component is smaller than another one, by less than a step, so a writer that quantises again
// omits that other one. The rotation stays nearly the same, but the bytes change, and a delta made
// from them is wrong over the key that it names.
import { createPose, decodeMotion, encodeMotionKey, type Pose, quantisePose } from '../../src/index.ts';

/** One rotation of spec/vectors/rotations.json. */
export interface RotationVector {
  name: string;
  about: string;
  /** The quaternion that was quantised: x, y, z, w. */
  rotation: number[];
  /** Its 6 bytes in hexadecimal. A relay forwards these unchanged. */
  quantised: string;
  /** The decoded quaternion: x, y, z, w. */
  decoded: number[];
  /** The bytes from quantising the decoded quaternion again. A relay must not send them. */
  requantised: string;
}

const SMALL = 2e-3;
const HALF = Math.SQRT1_2;

/**
 * Quaternions whose largest components are nearly equal: two of them, three with a sign, all four.
 */
const rotations: readonly (readonly [name: string, about: string, rotation: readonly number[]])[] = [
  ['tie-w-x', 'w is left out and decodes as less than x', [HALF - 1e-5, SMALL, 0, HALF]],
  ['tie-w-z', 'w is left out and decodes as less than z', [0, SMALL, HALF - 1e-5, HALF]],
  ['tie-z-x', 'z is left out and decodes as less than x', [HALF - 1e-5, 0, HALF, SMALL]],
  ['tie-negative', 'z is left out and decodes as less than the magnitude of y, which is negative', [0, -(HALF - 1e-5), HALF, SMALL]],
  ['tie-four', 'all four are equal', [0.5, 0.5, 0.5, 0.5]],
];

function poseOf(rotation: readonly number[]): Pose {
  const pose = createPose();
  pose.rotations.set(rotation, 0);
  return pose;
}

/** The first bone's 6 bytes, in hexadecimal. */
const bytesOf = (pose: Pose): string => Buffer.from(quantisePose(pose).rotations.subarray(0, 6)).toString('hex');

/** A key pose whose first bones have these rotations. */
export const tiedPose: Pose = createPose();
for (const [i, [, , rotation]] of rotations.entries()) tiedPose.rotations.set(rotation, i * 4);

/** All rotation vectors. */
export const rotationVectors: readonly RotationVector[] = rotations.map(([name, about, rotation]) => {
  const { pose } = decodeMotion(encodeMotionKey(quantisePose(poseOf(rotation))));
  const vector = {
    name,
    about,
    rotation: [...rotation],
    quantised: bytesOf(poseOf(rotation)),
    decoded: [...pose.rotations.subarray(0, 4)],
  };
  const requantised = bytesOf(pose);
  if (requantised === vector.quantised) throw new Error(`${name} is quantised again to the same bytes`);
  return { ...vector, requantised };
});
