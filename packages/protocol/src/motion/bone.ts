// VRM 1.0 humanoid bones in the order of the wire (spec/wire.md, "Bones"). Source: VRMC_vrm-1.0
// humanoid.md, "Humanoid Bone" tables: torso, head, legs, arms, fingers.

const fingers = (side: 'left' | 'right') =>
  [
    `${side}ThumbMetacarpal`,
    `${side}ThumbProximal`,
    `${side}ThumbDistal`,
    `${side}IndexProximal`,
    `${side}IndexIntermediate`,
    `${side}IndexDistal`,
    `${side}MiddleProximal`,
    `${side}MiddleIntermediate`,
    `${side}MiddleDistal`,
    `${side}RingProximal`,
    `${side}RingIntermediate`,
    `${side}RingDistal`,
    `${side}LittleProximal`,
    `${side}LittleIntermediate`,
    `${side}LittleDistal`,
  ] as const;

/**
 * All 55 bones. A bone's index is its bit in Motion.bone_mask and the place of its quaternion in
 * Pose.rotations.
 */
export const Bones = [
  'hips',
  'spine',
  'chest',
  'upperChest',
  'neck',
  'head',
  'leftEye',
  'rightEye',
  'jaw',
  'leftUpperLeg',
  'leftLowerLeg',
  'leftFoot',
  'leftToes',
  'rightUpperLeg',
  'rightLowerLeg',
  'rightFoot',
  'rightToes',
  'leftShoulder',
  'leftUpperArm',
  'leftLowerArm',
  'leftHand',
  'rightShoulder',
  'rightUpperArm',
  'rightLowerArm',
  'rightHand',
  ...fingers('left'),
  ...fingers('right'),
] as const;

export type BoneName = (typeof Bones)[number];
