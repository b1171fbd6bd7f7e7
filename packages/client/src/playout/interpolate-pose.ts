// Interpolates between two poses: rotations along the shorter great arc, all else linearly. Source:
// Ken Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
import type { Pose } from '@hayate/protocol';

/** Writes the pose at `fraction` between two (0: from, 1: to) into `into`. */
export function interpolatePose(from: Pose, to: Pose, fraction: number, into: Pose): void {
  mix(from.hips, to.hips, fraction, into.hips);
  mix(from.shapes, to.shapes, fraction, into.shapes);
  for (let at = 0; at < into.rotations.length; at += 4) slerp(from.rotations, to.rotations, at, fraction, into.rotations);
}

/** Copies a pose. */
export function copyPose(from: Pose, into: Pose): void {
  into.hips.set(from.hips);
  into.shapes.set(from.shapes);
  into.rotations.set(from.rotations);
}

function mix(from: Float32Array, to: Float32Array, fraction: number, into: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (from[i] ?? 0) * (1 - fraction) + (to[i] ?? 0) * fraction;
}

function slerp(from: Float32Array, to: Float32Array, at: number, fraction: number, into: Float32Array): void {
  let dot = 0;
  for (let i = at; i < at + 4; i++) dot += (from[i] ?? 0) * (to[i] ?? 0);
  const sign = dot < 0 ? -1 : 1;
  const angle = Math.acos(Math.min(1, Math.abs(dot)));
  const sine = Math.sin(angle);
  // For small angles the arc is a line, and the division would lose all precision.
  const a = sine < 1e-4 ? 1 - fraction : Math.sin((1 - fraction) * angle) / sine;
  const b = (sine < 1e-4 ? fraction : Math.sin(fraction * angle) / sine) * sign;
  let square = 0;
  for (let i = at; i < at + 4; i++) {
    const value = (from[i] ?? 0) * a + (to[i] ?? 0) * b;
    into[i] = value;
    square += value * value;
  }
  const length = Math.sqrt(square);
  if (length > 0) for (let i = at; i < at + 4; i++) into[i] = (into[i] ?? 0) / length;
}
