// In: a pose from Player.poseAt() or a MotionFrame. Out: the rig in that pose. Nothing is smoothed
// or kept here.
import { Bones, type Pose, Shapes } from '@hayate/protocol';
import type { Rig } from './rig.ts';

/** Applies `pose` to `rig`: turns its bones, moves its hips, sets its shapes. */
export function applyPose(pose: Pose, rig: Rig): void {
  for (const [i, name] of Bones.entries()) rig.bones[name]?.quaternion.fromArray(pose.rotations, i * 4);
  const { hips } = rig.bones;
  const rest = rig.hipsRest;
  if (hips !== undefined && rest !== undefined) {
    const [x = 0, y = 0, z = 0] = pose.hips;
    hips.position.set(rest.x + x, rest.y + y, rest.z + z);
  }
  for (const [i, shape] of Shapes.entries()) rig.setShape(shape, pose.shapes[i] ?? 0);
}
