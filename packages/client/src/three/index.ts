// Applies poses to three.js avatars (optional peer `three`). In: a Pose, plain typed arrays. Out:
// rotated bones and weighted shapes of a rig. A rig is any scene with VRM humanoid bones and ARKit
// shapes under their standard names.
export { applyPose } from './apply-pose.ts';
export type { Rig } from './rig.ts';
export { rigFromScene } from './rig.ts';
