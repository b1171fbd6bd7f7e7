// Turns a bone and raises a shape of a pose, by name. Axes are VRM 1.0's: Y is up, the avatar faces
// +Z, and its left hand is at +X; the rest pose is a T-pose. Quaternions stay unit length, weights
// stay in [0, 1].
import { type BoneName, Bones, type Pose, type ShapeName, Shapes } from '@hayate/protocol';

const boneIndex = new Map<string, number>(Bones.map((name, index) => [name, index]));
const shapeIndex = new Map<string, number>(Shapes.map((name, index) => [name, index]));

/**
 * Angles in radians: pitch nods down, yaw turns to the avatar's left, roll tilts the head to its
 * right.
 */
interface Turn {
  readonly pitch?: number;
  readonly yaw?: number;
  readonly roll?: number;
}

/** Converts degrees to radians. */
export function degrees(value: number): number {
  return (value * Math.PI) / 180;
}

/** Turns `bone` further, in its own frame: yaw about Y, then pitch about X, then roll about Z. */
export function turn(pose: Pose, bone: BoneName, { pitch = 0, yaw = 0, roll = 0 }: Turn): void {
  const at = (boneIndex.get(bone) ?? 0) * 4;
  const [sx, cx, sy, cy, sz, cz] = [pitch, yaw, roll].flatMap((angle) => [Math.sin(angle / 2), Math.cos(angle / 2)]) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const bx = cy * sx * cz + sy * cx * sz;
  const by = sy * cx * cz - cy * sx * sz;
  const bz = cy * cx * sz - sy * sx * cz;
  const bw = cy * cx * cz + sy * sx * sz;
  const q = pose.rotations;
  const [ax, ay, az, aw] = [q[at] ?? 0, q[at + 1] ?? 0, q[at + 2] ?? 0, q[at + 3] ?? 1];
  const x = aw * bx + ax * bw + ay * bz - az * by;
  const y = aw * by - ax * bz + ay * bw + az * bx;
  const z = aw * bz + ax * by - ay * bx + az * bw;
  const w = aw * bw - ax * bx - ay * by - az * bz;
  const length = Math.hypot(x, y, z, w);
  q.set([x / length, y / length, z / length, w / length], at);
}

/** Adds `weight` to `shape`, within [0, 1]. */
export function raise(pose: Pose, shape: ShapeName, weight: number): void {
  const at = shapeIndex.get(shape) ?? 0;
  pose.shapes[at] = clamp((pose.shapes[at] ?? 0) + weight, 0, 1);
}

/** `value` within [low, high]. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
