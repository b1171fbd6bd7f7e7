import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bones, createPose, decodeMotion, encodeMotionKey, quantisePose, type ShapeName, Shapes } from '@hayate/protocol';
import fc from 'fast-check';
import { BoxGeometry, Mesh, Object3D, Quaternion, Vector3 } from 'three';
import { applyPose } from './apply-pose.ts';
import { type Rig, rigFromScene } from './rig.ts';

const wholeRig = () => {
  const shapes = new Map<ShapeName, number>();
  const bones = Object.fromEntries(Bones.map((name) => [name, new Object3D()]));
  const rig: Rig = { bones, hipsRest: new Vector3(0, 0.8, 0), setShape: (shape, weight) => shapes.set(shape, weight) };
  return { rig, shapes };
};

/** Uses the chord: the arc cosine in Quaternion.angleTo has no precision near 0. */
const degreesBetween = (a: Quaternion, b: Quaternion) => {
  const chord = (sign: number) => Math.hypot(a.x - sign * b.x, a.y - sign * b.y, a.z - sign * b.z, a.w - sign * b.w);
  return 4 * Math.asin(Math.min(1, Math.min(chord(1), chord(-1)) / 2)) * (180 / Math.PI);
};

const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
const pose = fc
  .record({
    turns: fc.array(fc.tuple(angle, angle, angle), { minLength: Bones.length, maxLength: Bones.length }),
    shapes: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: Shapes.length, maxLength: Shapes.length }),
  })
  .map(({ turns, shapes }) => {
    const made = createPose();
    made.shapes.set(shapes);
    const q = new Quaternion();
    for (const [i, [x, y, z]] of turns.entries()) {
      q.setFromAxisAngle(new Vector3(x, y, z + 4).normalize(), x);
      made.rotations.set(q.toArray(), i * 4);
    }
    return made;
  });

test('a pose that went over the wire appears in the scene within the quantisation error', () => {
  fc.assert(
    fc.property(pose, (sent) => {
      const { rig, shapes } = wholeRig();
      applyPose(decodeMotion(encodeMotionKey(quantisePose(sent))).pose, rig);
      for (const [i, name] of Bones.entries()) {
        const wanted = new Quaternion().fromArray(sent.rotations, i * 4).normalize();
        const error = degreesBetween(rig.bones[name]?.quaternion ?? new Quaternion(0, 0, 0, 0), wanted);
        assert.ok(error < 0.01, `${name} is off by ${error} degrees`);
      }
      for (const [i, name] of Shapes.entries()) assert.ok(Math.abs((shapes.get(name) ?? -1) - (sent.shapes[i] ?? 0)) <= 1 / 510 + 1e-6);
    }),
    { numRuns: 50 },
  );
});

test('the hips move relative to their rest position', () => {
  const { rig } = wholeRig();
  const moved = createPose();
  moved.hips.set([0.5, -0.25, 0.125]);
  applyPose(moved, rig);
  assert.deepEqual(rig.bones.hips?.position.toArray(), [0.5, 0.8 - 0.25, 0.125]);
  applyPose(createPose(), rig);
  assert.deepEqual(rig.bones.hips?.position.toArray(), [0, 0.8, 0]);
});

test('bones that an avatar lacks are skipped', () => {
  const head = new Object3D();
  const turned = createPose();
  turned.rotations.set([0, 1, 0, 0], Bones.indexOf('head') * 4);
  applyPose(turned, { bones: { head }, setShape: () => undefined });
  assert.deepEqual(head.quaternion.toArray(), [0, 1, 0, 0]);
});

/** A scene like one from a VRM loader: nodes by bone names, two meshes with morph targets. */
const vrmLikeScene = () => {
  const scene = new Object3D();
  const hips = new Object3D();
  hips.name = 'hips';
  hips.position.set(0, 1, 0);
  const head = new Object3D();
  head.name = 'head';
  scene.add(hips);
  hips.add(head);
  const meshes = ['face', 'lashes'].map((name) => {
    const mesh = new Mesh(new BoxGeometry());
    mesh.name = name;
    mesh.morphTargetDictionary = { eyeBlinkLeft: 0, somethingElse: 1 };
    mesh.morphTargetInfluences = [0, 0.5];
    head.add(mesh);
    return mesh;
  });
  return { scene, hips, head, meshes };
};

test('the rig of a VRM-like scene is found by the names of nodes and morph targets', () => {
  const { scene, hips, head, meshes } = vrmLikeScene();
  const rig = rigFromScene(scene);
  assert.deepEqual(Object.keys(rig.bones).sort(), ['head', 'hips']);
  const posed = createPose();
  posed.shapes[Shapes.indexOf('eyeBlinkLeft')] = 0.75;
  posed.rotations.set([1, 0, 0, 0], Bones.indexOf('head') * 4);
  posed.hips.set([0, 0.5, 0]);
  applyPose(posed, rig);
  for (const mesh of meshes) assert.deepEqual(mesh.morphTargetInfluences, [0.75, 0.5]);
  assert.deepEqual(head.quaternion.toArray(), [1, 0, 0, 0]);
  assert.deepEqual(hips.position.toArray(), [0, 1.5, 0]);
});

test('nodes with names of their own are found through rename', () => {
  const { scene, head } = vrmLikeScene();
  head.name = 'J_Bip_C_Head';
  assert.equal(rigFromScene(scene).bones.head, undefined);
  assert.equal(rigFromScene(scene, (node) => (node === 'J_Bip_C_Head' ? 'head' : node)).bones.head, head);
});
