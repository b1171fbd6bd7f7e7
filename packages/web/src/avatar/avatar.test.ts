// Tests the avatar without a renderer: three.js also builds scenes in Node. Drawings are checked by
// their geometry.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyPose } from '@hayate/client/three';
import { Bones, createPose, type Pose, type ShapeName, Shapes } from '@hayate/protocol';
import fc from 'fast-check';
import { type BufferGeometry, Mesh, Quaternion } from 'three';
import { Avatar } from './avatar.ts';
import { variantOf } from './variant.ts';

const made = () => new Avatar(variantOf('hoshi'), 'low');

/** Everything a frame would show of the face: points of drawings and weights of morph targets. */
function face(avatar: Avatar): number[] {
  const numbers: number[] = [];
  avatar.bones.head.traverse((object) => {
    if (!(object instanceof Mesh)) return;
    numbers.push(object.visible ? 1 : 0, ...object.position.toArray(), ...object.scale.toArray(), ...(object.morphTargetInfluences ?? []));
    // Solid parts never change; drawings are small.
    const { position } = (object.geometry as BufferGeometry).attributes;
    if (position !== undefined && position.count < 500) numbers.push(...position.array);
  });
  return numbers;
}

const changed = (a: readonly number[], b: readonly number[]) =>
  a.length !== b.length || a.some((value, i) => Math.abs(value - (b[i] ?? 0)) > 1e-5);

const posed = (avatar: Avatar, shapes: Partial<Record<ShapeName, number>>): Avatar => {
  for (const shape of Shapes) avatar.rig.setShape(shape, shapes[shape] ?? 0);
  avatar.update();
  return avatar;
};

/** Height of a moving drawing, metres: the vertical extent of its points. */
function heightOf(mesh: Mesh): number {
  const position = mesh.geometry.getAttribute('position');
  const ys = Array.from({ length: position.count }, (_, i) => position.getY(i));
  return Math.max(...ys) - Math.min(...ys);
}

/** The drawing with a mark: 1 left eye, 2 right eye, 3 mouth. */
function marked(avatar: Avatar, mark: number): Mesh {
  let found: Mesh | undefined;
  avatar.bones.head.traverse((object) => {
    if (!(object instanceof Mesh) || Array.isArray(object.material)) return;
    if (object.material.stencilWrite && object.material.stencilRef === mark && object.material.stencilZPass === 7681) found ??= object;
  });
  assert.ok(found, `no drawing has mark ${mark}`);
  return found;
}

test('each of the 52 shapes changes the face', () => {
  const avatar = made();
  // Some shapes change the form of an open mouth or open eyes, so they show only when those are
  // open.
  const base: Partial<Record<ShapeName, number>> = { jawOpen: 0.4 };
  for (const shape of Shapes) {
    const before = face(posed(avatar, base));
    assert.ok(changed(before, face(posed(avatar, { ...base, [shape]: 1 }))), shape);
  }
});

test('all 55 bones are in the scene at rest, the right side mirroring the left', () => {
  const { bones, root } = made();
  root.updateMatrixWorld(true);
  for (const name of Bones) {
    const bone = bones[name];
    assert.equal(root.getObjectByName(name), bone);
    assert.ok(bone.quaternion.equals(new Quaternion()), name);
    if (!name.startsWith('left')) continue;
    const other = bones[name.replace('left', 'right') as typeof name];
    const [x, y, z] = bone.matrixWorld.elements.slice(12);
    const [otherX, ...rest] = other.matrixWorld.elements.slice(12, 15);
    assert.equal(x, -(otherX ?? 0), name);
    assert.deepEqual([y, z], rest, name);
    assert.ok((x ?? 0) > 0, `${name} is at +X`);
  }
});

test('bones read from the scene equal the pose', () => {
  const avatar = made();
  const pose = createPose();
  const turned = new Quaternion().setFromAxisAngle({ x: 0, y: 1, z: 0 }, 0.3);
  for (const [i] of Bones.entries()) pose.rotations.set(turned.toArray(), i * 4);
  pose.hips.set([0.01, -0.02, 0.03]);
  const rest = avatar.bones.hips.position.clone();
  applyPose(pose, avatar.rig);
  for (const name of Bones) assert.ok(avatar.bones[name].quaternion.angleTo(turned) < 1e-6, name);
  const moved = avatar.bones.hips.position.clone().sub(rest).toArray();
  for (const [i, value] of [0.01, -0.02, 0.03].entries()) assert.ok(Math.abs((moved[i] ?? 0) - value) < 1e-6);
});

test('any pose gives finite points', () => {
  const avatar = made();
  const weights = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: Shapes.length, maxLength: Shapes.length });
  const angles = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: Bones.length, maxLength: Bones.length });
  fc.assert(
    fc.property(weights, angles, (shapes, turns) => {
      const pose: Pose = createPose();
      pose.shapes.set(shapes);
      for (const [i, angle] of turns.entries()) pose.rotations.set([Math.sin(angle / 2), 0, 0, Math.cos(angle / 2)], i * 4);
      applyPose(pose, avatar.rig);
      avatar.update(1000);
      assert.ok(face(avatar).every(Number.isFinite));
    }),
    { numRuns: 50 },
  );
});

test('a blink closes that eye and not the other', () => {
  const avatar = posed(made(), {});
  const [left, right] = [marked(avatar, 1), marked(avatar, 2)];
  const open = heightOf(left);
  posed(avatar, { eyeBlinkLeft: 1 });
  assert.equal(left.visible, false);
  assert.equal(right.visible, true);
  assert.ok(Math.abs(heightOf(right) - open) < 1e-4);
  posed(avatar, { eyeBlinkLeft: 0.5 });
  assert.ok(heightOf(left) < open * 0.7);
});

test('the mouth is shut at rest, opens with the jaw, and mouthClose keeps it shut', () => {
  const avatar = posed(made(), {});
  const opening = marked(avatar, 3);
  assert.equal(opening.visible, false);
  posed(avatar, { jawOpen: 0.5 });
  const half = heightOf(opening);
  assert.equal(opening.visible, true);
  posed(avatar, { jawOpen: 1 });
  assert.ok(heightOf(opening) > half * 1.5);
  const wide = heightOf(opening);
  posed(avatar, { jawOpen: 1, mouthClose: 1 });
  assert.ok(heightOf(opening) < wide * 0.3);
});

test('the irises follow look shapes and eye bones', () => {
  const avatar = posed(made(), {});
  const middleX = () => {
    const irises: Mesh[] = [];
    avatar.bones.head.traverse((object) => {
      if (object instanceof Mesh && !Array.isArray(object.material) && object.renderOrder === 3 && object.material.stencilRef === 1)
        irises.push(object);
    });
    const position = irises[0]?.geometry.getAttribute('position');
    assert.ok(position);
    return Array.from({ length: position.count }, (_, i) => position.getX(i)).reduce((sum, x) => sum + x, 0) / position.count;
  };
  const rest = middleX();
  posed(avatar, { eyeLookOutLeft: 1 });
  assert.ok(middleX() > rest + 0.005, 'out: to the avatar’s left');
  posed(avatar, { eyeLookInLeft: 1 });
  assert.ok(middleX() < rest - 0.005, 'in: towards the nose');
  posed(avatar, {});
  avatar.bones.leftEye.rotation.y = 0.3;
  avatar.update();
  assert.ok(middleX() > rest + 0.005, 'the bone turned to the left');
});

test('a name always gives the same avatar, and names differ', () => {
  assert.deepEqual(variantOf('hoshi'), variantOf('hoshi'));
  const names = Array.from({ length: 200 }, (_, i) => `stream-${i}`);
  assert.ok(new Set(names.map((name) => JSON.stringify(variantOf(name)))).size > 150);
  assert.equal(new Set(names.map((name) => variantOf(name).hairStyle)).size, 4);
  const hairs = Map.groupBy(names, (name) => variantOf(name).hair);
  assert.equal(hairs.size, 8);
  for (const [hair, alike] of hairs) assert.ok(alike.length < 50, `a quarter of all names has hair ${hair.toString(16)}`);
});

test('dispose frees every geometry and material', () => {
  const avatar = new Avatar(variantOf('hoshi'), 'high');
  const left = new Set<object>();
  avatar.root.traverse((object) => {
    if (!(object instanceof Mesh)) return;
    for (const item of [object.geometry, ...[object.material].flat()]) {
      left.add(item);
      item.addEventListener('dispose', () => left.delete(item));
    }
  });
  assert.ok(left.size > 20);
  avatar.dispose();
  assert.equal(left.size, 0);
});
