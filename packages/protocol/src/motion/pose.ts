// A pose as plain typed arrays. Capture produces poses and avatars consume them. No scene graph, no
// classes.
import { Bones } from './bone.ts';
import { Shapes } from './shape.ts';

/** An avatar's pose. */
export interface Pose {
  /** Hips translation from rest, metres: x, y, z. */
  hips: Float32Array;
  /** A local unit quaternion x, y, z, w for each bone, in the order of Bones: 55 x 4. */
  rotations: Float32Array;
  /** A weight in [0, 1] for each shape, in the order of Shapes: 52. */
  shapes: Float32Array;
}

/** The rest pose: every bone at identity, every shape 0. */
export function createPose(): Pose {
  const rotations = new Float32Array(Bones.length * 4);
  for (let i = 3; i < rotations.length; i += 4) rotations[i] = 1;
  return { hips: new Float32Array(3), rotations, shapes: new Float32Array(Shapes.length) };
}
