// The VRM humanoid skeleton of the default avatar: 55 bone nodes in the T-pose, metres, facing +Z,
// its left at +X. A bone at identity is at rest, as in VRM 1.0's normalised pose, so poses from the
// wire apply without retargeting.
import { type BoneName, Bones } from '@hayate/protocol';
import { Bone } from 'three';

type Place = readonly [parent: BoneName | undefined, x: number, y: number, z: number];

const fingerOffsets = {
  Thumb: [0.02, -0.012, 0.03],
  Index: [0.062, 0, 0.024],
  Middle: [0.066, 0, 0.008],
  Ring: [0.062, 0, -0.008],
  Little: [0.054, 0, -0.024],
};

/**
 * The position of each bone: its parent and its offset from it. The right side mirrors the left.
 */
const places = new Map<BoneName, Place>([
  ['hips', [undefined, 0, 0.8, 0]],
  ['spine', ['hips', 0, 0.08, 0]],
  ['chest', ['spine', 0, 0.1, 0]],
  ['upperChest', ['chest', 0, 0.1, 0]],
  ['neck', ['upperChest', 0, 0.11, -0.006]],
  ['head', ['neck', 0, 0.055, 0.006]],
  ['jaw', ['head', 0, 0.05, 0.02]],
  ...(['left', 'right'] as const).flatMap((side) => limbs(side)),
]);

function limbs(side: 'left' | 'right'): [BoneName, Place][] {
  const s = side === 'left' ? 1 : -1;
  const list: [BoneName, Place][] = [
    [`${side}Eye`, ['head', 0.04 * s, 0.092, 0.07]],
    [`${side}UpperLeg`, ['hips', 0.07 * s, -0.04, 0]],
    [`${side}LowerLeg`, [`${side}UpperLeg`, 0, -0.33, 0]],
    [`${side}Foot`, [`${side}LowerLeg`, 0, -0.36, 0]],
    [`${side}Toes`, [`${side}Foot`, 0, -0.05, 0.1]],
    [`${side}Shoulder`, ['upperChest', 0.03 * s, 0.085, 0]],
    [`${side}UpperArm`, [`${side}Shoulder`, 0.086 * s, -0.008, 0]],
    [`${side}LowerArm`, [`${side}UpperArm`, 0.19 * s, 0, 0]],
    [`${side}Hand`, [`${side}LowerArm`, 0.17 * s, 0, 0]],
  ];
  for (const [finger, offset] of Object.entries(fingerOffsets)) {
    const joints = finger === 'Thumb' ? ['Metacarpal', 'Proximal', 'Distal'] : ['Proximal', 'Intermediate', 'Distal'];
    let parent: BoneName = `${side}Hand`;
    for (const [i, joint] of joints.entries()) {
      const name = Bones.find((bone) => bone === `${side}${finger}${joint}`);
      if (name === undefined) throw new Error(`${side}${finger}${joint} is not a bone`);
      const [x = 0, y = 0, z = 0] = offset;
      list.push([name, i === 0 ? [parent, x * s, y, z] : [parent, 0.024 * s, 0, 0]]);
      parent = name;
    }
  }
  return list;
}

/** All 55 bones, linked; `hips` is the root. */
export function createSkeleton(): Record<BoneName, Bone> {
  const bones = {} as Record<BoneName, Bone>;
  for (const name of Bones) {
    const bone = new Bone();
    bone.name = name;
    bones[name] = bone;
  }
  for (const [name, [parent, x, y, z]] of places) {
    bones[name].position.set(x, y, z);
    if (parent !== undefined) bones[parent].add(bones[name]);
  }
  return bones;
}
