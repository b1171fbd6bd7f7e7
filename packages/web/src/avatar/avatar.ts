// The complete default avatar: built in code from a variant, posed through a rig (VRM bones and
// ARKit shapes), drawn by any three.js renderer. Flow: applyPose(pose, avatar.rig), then
// avatar.update(), then render.
import type { Rig } from '@hayate/client/three';
import { type BoneName, type ShapeName, Shapes } from '@hayate/protocol';
import { type BufferGeometry, type Material, Mesh, Object3D, Quaternion, Skeleton, SkinnedMesh, Vector3 } from 'three';
import { createAccessoryGeometry } from './accessory.ts';
import { createBodyGeometry, SkinnedBones } from './body.ts';
import { Brows } from './brow.ts';
import { celMaterial, createLightRig, type LightRig, outlineMaterial } from './cel-material.ts';
import { Eye } from './eye.ts';
import { createHairGeometry } from './hair.ts';
import { Complexion, createHeadGeometry, SkinShapes } from './head-mesh.ts';
import { Mouth } from './mouth.ts';
import { createSkeleton } from './skeleton.ts';
import type { AvatarVariant } from './variant.ts';

/** 'low': a third of the triangles and no outlines, for small pictures and software rendering. */
export type Quality = 'low' | 'high';

/** How long hair takes to follow the head, milliseconds, and how far it can lag, metres. */
const swayTimeMs = 120;
const swayMax = 0.05;

/** An avatar: add `root` to a scene. */
export class Avatar {
  readonly root = new Object3D();
  readonly bones: Readonly<Record<BoneName, Object3D>>;
  /** The target of applyPose. */
  readonly rig: Rig;
  readonly #weights: Record<ShapeName, number>;
  readonly #lights: LightRig;
  readonly #head: Mesh[] = [];
  readonly #eyes: readonly [left: Eye, right: Eye];
  readonly #brows: Brows;
  readonly #mouth: Mouth;
  readonly #complexion: Complexion;
  #swayAtMs: number | undefined;
  #followed = new Vector3();

  constructor(variant: AvatarVariant, quality: Quality = 'high') {
    const detail = quality === 'high' ? 1 : 0.5;
    const outlined = quality === 'high';
    const bones = createSkeleton();
    this.bones = bones;
    this.#weights = Object.fromEntries(Shapes.map((shape) => [shape, 0])) as Record<ShapeName, number>;
    this.#lights = createLightRig(variant.accent);
    this.rig = {
      bones,
      hipsRest: bones.hips.position.clone(),
      setShape: (shape, weight) => {
        this.#weights[shape] = weight;
      },
    };
    this.root.add(bones.hips);

    const skinShade = 0xe8aca6;
    const headGeometry = createHeadGeometry(variant, detail);
    this.#addSolid(
      bones.head,
      headGeometry,
      celMaterial(this.#lights, { shade: skinShade, softness: 0.035, edge: 0.36, rim: 0.3, fill: [0.02, 0.06, 0.05] }),
      0,
      outlined ? 0x9a6a66 : undefined,
      this.#head,
    );
    this.#eyes = [new Eye(1, variant, detail), new Eye(-1, variant, detail)];
    this.#brows = new Brows(variant);
    this.#mouth = new Mouth(variant, detail);
    this.#complexion = new Complexion(variant);
    bones.head.add(...this.#eyes.map((eye) => eye.group), this.#brows.group, this.#mouth.group, ...this.#complexion.meshes);

    const hair = celMaterial(this.#lights, { shade: 0x8d84b4, softness: 0.05, edge: 0.47, gloss: 0.55, doubleSide: true });
    this.#addSolid(bones.head, createHairGeometry(variant, detail), hair, 10, outlined ? 0x77707f : undefined);
    const accessory = createAccessoryGeometry(variant, detail);
    if (accessory)
      this.#addSolid(
        bones.head,
        accessory,
        celMaterial(this.#lights, { shade: 0x8f8bb0, softness: 0.04 }),
        10,
        outlined ? 0x6a6678 : undefined,
      );
    this.#addBody(createBodyGeometry(variant, detail), outlined);
    this.update();
  }

  /** The current weight of a shape. */
  shape(name: ShapeName): number {
    return this.#weights[name];
  }

  /**
   * Updates the face from the rig's shapes and bones. `nowMs`, if given, moves the hair with the
   * head.
   */
  update(nowMs?: number): void {
    for (const mesh of this.#head)
      for (const [i, shape] of SkinShapes.entries()) if (mesh.morphTargetInfluences) mesh.morphTargetInfluences[i] = this.#weights[shape];
    this.#eyes[0].update(this.#weights, this.bones.leftEye.quaternion);
    this.#eyes[1].update(this.#weights, this.bones.rightEye.quaternion);
    this.#brows.update(this.#weights);
    this.#mouth.update(this.#weights);
    this.#complexion.update(this.#weights);
    if (nowMs !== undefined) this.#sway(nowMs);
  }

  /** Frees the memory on the graphics card. */
  dispose(): void {
    this.root.traverse((object) => {
      if (!(object instanceof Mesh)) return;
      object.geometry.dispose();
      for (const material of [object.material].flat()) material.dispose();
    });
  }

  /** Hair trails after the head, and a light wind always moves it a little. */
  #sway(nowMs: number): void {
    const head = this.bones.head;
    head.updateWorldMatrix(true, false);
    head.localToWorld(crown.set(0, 0.1, 0.25));
    const elapsedMs = this.#swayAtMs === undefined ? 0 : Math.min(100, Math.max(0, nowMs - this.#swayAtMs));
    if (this.#swayAtMs === undefined) this.#followed.copy(crown);
    this.#swayAtMs = nowMs;
    this.#followed.lerp(crown, 1 - Math.exp(-elapsedMs / swayTimeMs));
    lag.subVectors(this.#followed, crown).clampLength(0, swayMax);
    lag.x += Math.sin(nowMs / 900) * 0.003 + Math.sin(nowMs / 370) * 0.001;
    lag.applyQuaternion(head.getWorldQuaternion(turned).invert());
    this.#lights.sway.value.copy(lag).multiplyScalar(1.6);
  }

  #addSolid(
    parent: Object3D,
    geometry: BufferGeometry,
    material: Material,
    order: number,
    outline: number | undefined,
    meshes: Mesh[] = [],
  ): void {
    meshes.push(new Mesh(geometry, material));
    if (outline !== undefined) {
      const line = outlineMaterial(this.#lights, outline, true);
      meshes.push(new Mesh(geometry, line));
    }
    for (const mesh of meshes) {
      mesh.renderOrder = order;
      mesh.frustumCulled = false;
      parent.add(mesh);
    }
  }

  #addBody(geometry: BufferGeometry, outlined: boolean): void {
    this.root.updateMatrixWorld(true);
    const skeleton = new Skeleton(SkinnedBones.map((name) => this.bones[name]).filter((bone) => 'isBone' in bone) as Skeleton['bones']);
    const materials: Material[] = [celMaterial(this.#lights, { shade: 0x9d93bd, softness: 0.05, edge: 0.46 })];
    if (outlined) materials.push(outlineMaterial(this.#lights, 0x6f6a80, true));
    for (const material of materials) {
      const mesh = new SkinnedMesh(geometry, material);
      mesh.renderOrder = 10;
      mesh.frustumCulled = false;
      this.root.add(mesh);
      mesh.bind(skeleton);
    }
  }
}

const crown = new Vector3();
const lag = new Vector3();
const turned = new Quaternion();
