// Vectors for the axes of renderers: a pose of the wire in Unity, which is left-handed, and as a
// matrix, for renderers that take matrices. Quaternions are fractions, so that the vectors are the
// same on every machine. docs/client/ explains them.
import { Bones } from '../../src/index.ts';

type Quaternion = readonly [x: number, y: number, z: number, w: number];
type Vector3 = readonly [x: number, y: number, z: number];

/**
 * Rotations as the wire carries them, in VRM 1.0's normalised space: right-handed, y up, the avatar
 * facing +z, its left hand at +x.
 */
const rotations: readonly (readonly [about: string, vrm: Quaternion])[] = [
  ['the identity', [0, 0, 0, 1]],
  ['about +x: the head nods down', [0.6, 0, 0, 0.8]],
  ['about +y: the head turns to its left', [0, 0.6, 0, 0.8]],
  ['about -z: the left arm goes down from the T-pose', [0, 0, -0.6, 0.8]],
  ['about +z: the right arm goes down from the T-pose', [0, 0, 0.6, 0.8]],
  ['half a turn about y', [0, 1, 0, 0]],
  ['a third of a turn about the diagonal', [0.5, 0.5, 0.5, 0.5]],
  ['about a slanted axis', [2 / 9, -4 / 9, 5 / 9, 6 / 9]],
  ['w is 0', [0.6, -0.48, 0.64, 0]],
];

const positions: readonly Vector3[] = [
  [0, 0, 0],
  [0.1, 0, 0],
  [0, 0.25, 0],
  [0, 0, -1.5],
  [0.0125, -0.25, 1.5],
];

/**
 * The directions of the hand, the head's crown and the toes at rest: to the avatar's left, up and
 * forward.
 */
const directions: readonly Vector3[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/**
 * Converts a rotation of the wire to Unity: x changes its sign, so rotations about y and z change
 * theirs.
 */
const unityRotation = ([x, y, z, w]: Quaternion): Quaternion => [x, -y, -z, w];
const unityPosition = ([x, y, z]: Vector3): Vector3 => [-x, y, z];

const product = ([ax, ay, az, aw]: Quaternion, [bx, by, bz, bw]: Quaternion): Quaternion => [
  aw * bx + ax * bw + ay * bz - az * by,
  aw * by - ax * bz + ay * bw + az * bx,
  aw * bz + ax * by - ay * bx + az * bw,
  aw * bw - ax * bx - ay * by - az * bz,
];
const inverse = ([x, y, z, w]: Quaternion): Quaternion => [-x, -y, -z, w];
const turned = (rotation: Quaternion, [x, y, z]: Vector3): Vector3 => {
  const [rx, ry, rz] = product(product(rotation, [x, y, z, 0]), inverse(rotation));
  return [rx, ry, rz];
};

/**
 * Rest rotations of a model's bone in the renderer's axes: within its parent, and within the
 * avatar's root.
 */
const rests: readonly (readonly [about: string, initialLocal: Quaternion, initialRoot: Quaternion])[] = [
  ['neither the bone nor its parents are turned at rest', [0, 0, 0, 1], [0, 0, 0, 1]],
  ['the bone is turned at rest, its parents are not', [0.6, 0, 0, 0.8], [0.6, 0, 0, 0.8]],
  ['a parent is turned at rest, the bone is not', [0, 0, 0, 1], [0, 0, 0.6, 0.8]],
  ['both are turned at rest', [0, 0.6, 0, 0.8], product([0.5, 0.5, 0.5, 0.5], [0, 0.6, 0, 0.8])],
];

/**
 * Every rotation on a bone of every kind of rest. `local` is the resulting rotation of the bone
 * within its parent.
 */
const ownBones = (inAxes: (vrm: Quaternion) => Quaternion) =>
  rests.flatMap(([about, initialLocal, initialRoot]) =>
    rotations.map(([, vrm]) => {
      const turn = product(inverse(initialRoot), product(inAxes(vrm), initialRoot));
      return { about, vrm, initialLocal, initialRoot, local: product(initialLocal, turn) };
    }),
  );

/** spec/vectors/unity-pose.json. */
export const unityPose = {
  about: 'Poses of the wire in Unity. Quaternions are x, y, z, w; positions are in metres. Compare with a tolerance of 1e-6.',
  rotations: rotations.map(([about, vrm]) => ({
    about,
    vrm,
    unity: unityRotation(vrm),
    directions: directions.map((from) => ({
      vrm: { from, to: turned(vrm, from) },
      unity: { from: unityPosition(from), to: turned(unityRotation(vrm), unityPosition(from)) },
    })),
  })),
  positions: positions.map((vrm) => ({ vrm, unity: unityPosition(vrm) })),
  ownBones: ownBones(unityRotation),
};

/**
 * The 4 × 4 matrix of a rotation and a translation, column by column, as in Metal, OpenGL and glTF.
 */
const matrix = ([x, y, z, w]: Quaternion, [px, py, pz]: Vector3): number[] => [
  ...[1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w), 0],
  ...[2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w), 0],
  ...[2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y), 0],
  ...[px, py, pz, 1],
];

/** spec/vectors/matrix-pose.json. */
export const matrixPose = {
  about:
    'Poses of the wire as matrices for right-handed renderers with y up: 16 numbers, column by column. Compare with a tolerance of 1e-6.',
  poses: rotations.map(([about, rotation], index) => {
    const position = positions[index % positions.length] ?? [0, 0, 0];
    return { about, rotation, position, columns: matrix(rotation, position) };
  }),
  ownBones: ownBones((vrm) => vrm),
};

/**
 * `UnityEngine.HumanBodyBones` by number, up to the first finger. `UpperChest` came later and is
 * 54.
 */
const unityBody =
  'Hips LeftUpperLeg RightUpperLeg LeftLowerLeg RightLowerLeg LeftFoot RightFoot Spine Chest Neck Head LeftShoulder RightShoulder LeftUpperArm RightUpperArm LeftLowerArm RightLowerArm LeftHand RightHand LeftToes RightToes LeftEye RightEye Jaw'.split(
    ' ',
  );
const unityFingers = ['Left', 'Right'].flatMap((side) =>
  ['Thumb', 'Index', 'Middle', 'Ring', 'Little'].flatMap((finger) =>
    ['Proximal', 'Intermediate', 'Distal'].map((part) => `${side}${finger}${part}`),
  ),
);
const unityBones = [...unityBody, ...unityFingers, 'UpperChest'];

/**
 * A bone's name in Unity. VRM 1.0 names the thumb's three bones after anatomy. Unity names them
 * like those of the other fingers.
 */
const unityBoneName = (bone: string): string =>
  (bone[0] ?? '').toUpperCase() +
  bone.slice(1).replace(/Thumb(Metacarpal|Proximal)$/, (_, part) => (part === 'Metacarpal' ? 'ThumbProximal' : 'ThumbIntermediate'));

/** spec/vectors/unity-bone.json. */
export const unityBone = {
  about: "The bones of the wire as Unity's HumanBodyBones: its name and its number.",
  bones: Bones.map((bone, index) => {
    const humanBodyBone = unityBoneName(bone);
    return { index, bone, humanBodyBone, value: unityBones.indexOf(humanBodyBone) };
  }),
};
