// The target of a pose: bones by their VRM names, and a receiver of shape weights. A loaded scene's
// rig is found by the names of its nodes and morph targets, so VRM-like models need no adapter of
// their own.
import { type BoneName, Bones, type ShapeName, Shapes } from '@hayate/protocol';
import type { Mesh, Object3D, Vector3 } from 'three';

/** An avatar as poses see it. Bones and shapes that it lacks are ignored. */
export interface Rig {
  bones: Partial<Readonly<Record<BoneName, Object3D>>>;
  /**
   * Rest position of the hips in their parent's space, metres; without it the hips turn but do not
   * move.
   */
  hipsRest?: Vector3;
  /** Sets the weight, 0 to 1, of a shape. */
  setShape(shape: ShapeName, weight: number): void;
}

/**
 * The rig of a scene whose nodes have VRM humanoid bone names (VRM 1.0 normalised bones: identity
 * is the rest pose) and whose meshes have ARKit names in `morphTargetDictionary`. `rename` maps a
 * node's name to a bone's, for models with other names. Call it while the model is at rest.
 */
export function rigFromScene(scene: Object3D, rename: (node: string) => string = (node) => node): Rig {
  const names = new Set<string>(Bones);
  const bones: Partial<Record<BoneName, Object3D>> = {};
  const targets = new Map<ShapeName, { influences: number[]; index: number }[]>();
  scene.traverse((node) => {
    const name = rename(node.name);
    if (names.has(name)) bones[name as BoneName] ??= node;
    const { morphTargetDictionary: dictionary, morphTargetInfluences: influences } = node as Partial<Mesh>;
    if (dictionary === undefined || influences === undefined) return;
    for (const shape of Shapes) {
      const index = dictionary[shape];
      if (index !== undefined) targets.set(shape, [...(targets.get(shape) ?? []), { influences, index }]);
    }
  });
  const rig: Rig = {
    bones,
    setShape(shape, weight) {
      for (const { influences, index } of targets.get(shape) ?? []) influences[index] = weight;
    },
  };
  if (bones.hips) rig.hipsRest = bones.hips.position.clone();
  return rig;
}
