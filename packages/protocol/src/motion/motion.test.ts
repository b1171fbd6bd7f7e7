// Poses through the wire: errors stay within the stated bounds, a delta over its key is exact, and
// bad payloads give only WireErrors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { MotionSchema } from '../gen/hayate/v1/payload_pb.ts';
import { WireError } from '../wire-error.ts';
import { Bones } from './bone.ts';
import { decodeMotion, encodeMotionDelta, encodeMotionKey, type QuantisedPose, quantisePose } from './motion.ts';
import { createPose, type Pose } from './pose.ts';
import { Shapes } from './shape.ts';

const component = fc.double({ min: -1, max: 1, noNaN: true });
/** Poses as trackers produce them: some bones and shapes move, the others rest. */
const poses: fc.Arbitrary<Pose> = fc
  .record({
    hips: fc.tuple(component, component, component),
    bones: fc.array(fc.tuple(fc.nat(Bones.length - 1), component, component, component, component), { maxLength: 60 }),
    shapes: fc.array(fc.tuple(fc.nat(Shapes.length - 1), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 60 }),
  })
  .map(({ hips, bones, shapes }) => {
    const pose = createPose();
    pose.hips.set(hips);
    for (const [bone, ...q] of bones)
      if (Math.hypot(...q) > 0.01)
        pose.rotations.set(
          q.map((value) => value / Math.hypot(...q)),
          bone * 4,
        );
    for (const [shape, weight] of shapes) pose.shapes[shape] = weight;
    return pose;
  });
const quantisedPoses = poses.map(quantisePose);

test('55 bones and 52 shapes have unique names', () => {
  assert.equal(new Set(Bones).size, 55);
  assert.equal(Bones.length, 55);
  assert.equal(new Set(Shapes).size, 52);
  assert.equal(Shapes.length, 52);
});

test('a rest pose is exact and its key payload is empty', () => {
  const quantised = quantisePose(createPose());
  assert.equal(encodeMotionKey(quantised).length, 0);
  assert.deepEqual(decodeMotion(new Uint8Array()).pose, createPose());
});

test('a key decodes to exactly the quantised pose', () => {
  fc.assert(
    fc.property(quantisedPoses, (quantised) => {
      assert.deepEqual(decodeMotion(encodeMotionKey(quantised)).quantised, quantised);
    }),
  );
});

test('a delta over its key decodes to exactly the quantised pose, also where the pose returned to rest', () => {
  fc.assert(
    fc.property(quantisedPoses, quantisedPoses, (key, pose) => {
      const received = decodeMotion(encodeMotionKey(key)).quantised;
      assert.deepEqual(decodeMotion(encodeMotionDelta(pose, key), received).quantised, pose);
      assert.deepEqual(decodeMotion(encodeMotionDelta(quantisePose(createPose()), key), received).pose, createPose());
      assert.equal(encodeMotionDelta(key, key).length, 0);
    }),
  );
});

test('decoding changes neither key nor payload', () => {
  fc.assert(
    fc.property(quantisedPoses, quantisedPoses, (key, pose) => {
      const keyBefore = structuredClone(key);
      const payload = encodeMotionDelta(pose, key);
      const payloadBefore = payload.slice();
      decodeMotion(payload, key);
      assert.deepEqual(key, keyBefore);
      assert.deepEqual(payload, payloadBefore);
    }),
  );
});

test('shapes err by at most 1/510', () => {
  const step = new Float32Array(1);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (weight) => {
      const pose = createPose();
      pose.shapes[17] = weight;
      const { quantised, pose: read } = decodeMotion(encodeMotionKey(quantisePose(pose)));
      const wire = quantised.shapes[17] ?? Number.NaN;
      assert.ok(Math.abs(wire / 255 - (pose.shapes[17] ?? Number.NaN)) <= 1 / 510 + 1e-12);
      step[0] = wire / 255;
      assert.equal(read.shapes[17], step[0]);
    }),
    { numRuns: 2_000 },
  );
  for (const weight of [0, 1]) {
    const pose = createPose();
    pose.shapes.fill(weight);
    assert.deepEqual(decodeMotion(encodeMotionKey(quantisePose(pose))).pose, pose);
  }
});

test('hips err by at most 0.05 mm up to 1 km from rest', () => {
  fc.assert(
    fc.property(fc.oneof(component, fc.double({ min: -1_000, max: 1_000, noNaN: true })), (metres) => {
      const pose = createPose();
      pose.hips[1] = metres;
      const { quantised, pose: read } = decodeMotion(encodeMotionKey(quantisePose(pose)));
      const wire = quantised.hips[1] ?? Number.NaN;
      assert.ok(Math.abs(wire / 10_000 - (pose.hips[1] ?? Number.NaN)) <= 0.000_05 + 1e-9);
      assert.equal(read.hips[1], Math.fround(wire / 10_000));
    }),
    { numRuns: 2_000 },
  );
});

test('values out of range are clamped, and a value that is not a number counts as rest', () => {
  const pose = createPose();
  pose.hips.set([2_000, -1e30, Number.NaN]);
  pose.shapes.set([-1, 2, Number.NaN, Number.POSITIVE_INFINITY]);
  pose.rotations.fill(Number.NaN, 0, 4);
  pose.rotations.fill(0, 4, 8);
  const { pose: read } = decodeMotion(encodeMotionKey(quantisePose(pose)));
  assert.deepEqual([...read.hips], [1_000, -1_000, 0]);
  assert.deepEqual([...read.shapes.subarray(0, 4)], [0, 1, 0, 0]);
  assert.deepEqual([...read.rotations.subarray(0, 8)], [0, 0, 0, 1, 0, 0, 0, 1]);
});

test('bones and shapes of a later version are ignored, and the known ones are read', () => {
  fc.assert(
    fc.property(quantisedPoses, fc.uniqueArray(fc.integer({ min: 55, max: 120 }), { maxLength: 6 }), (quantised, extra) => {
      const full = { boneMask: mask([...Array(55).keys(), ...extra]), shapeMask: mask([...Array(52).keys(), ...extra]) };
      const payload = toBinary(
        MotionSchema,
        create(MotionSchema, {
          ...full,
          rotations: Uint8Array.from([...quantised.rotations, ...Array(6 * extra.length).fill(0xab)]),
          shapes: Uint8Array.from([...quantised.shapes, ...Array(extra.filter((i) => i >= 52).length).fill(0xcd)]),
          hips: [...quantised.hips],
        }),
      );
      assert.deepEqual(decodeMotion(payload).quantised, quantised);
    }),
  );
});

function mask(bits: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Math.floor(Math.max(...bits) / 8) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
  return bytes;
}

test('masks and values that disagree are refused, and so are hips without exactly three parts', () => {
  const wrong = [
    { boneMask: Uint8Array.of(1), rotations: new Uint8Array(5) },
    { boneMask: Uint8Array.of(1), rotations: new Uint8Array(7) },
    { boneMask: Uint8Array.of(3), rotations: new Uint8Array(6) },
    { rotations: new Uint8Array(6) },
    { shapeMask: Uint8Array.of(1) },
    { shapes: Uint8Array.of(1) },
    { hips: [1] },
    { hips: [1, 2] },
    { hips: [1, 2, 3, 4] },
  ];
  for (const motion of wrong) assert.throws(() => decodeMotion(toBinary(MotionSchema, create(MotionSchema, motion))), WireError);
});

test('random bytes give a WireError or a pose of unit rotations and weights in 0 to 1', () => {
  const key: QuantisedPose = quantisePose(createPose());
  const noise = fc.uint8Array({ maxLength: 60 });
  const shaped = fc
    .record({
      boneMask: fc.uint8Array({ maxLength: 2 }),
      rotations: fc.uint8Array({ maxLength: 24 }),
      hips: fc.array(fc.integer(), { maxLength: 3 }),
    })
    .map((motion) => toBinary(MotionSchema, create(MotionSchema, motion)));
  fc.assert(
    fc.property(fc.oneof(noise, shaped), (bytes) => {
      try {
        const { pose } = decodeMotion(bytes, key);
        for (let i = 0; i < Bones.length; i++) assert.ok(Math.abs(Math.hypot(...pose.rotations.subarray(i * 4, i * 4 + 4)) - 1) < 1e-6);
        assert.ok(pose.shapes.every((weight) => weight >= 0 && weight <= 1));
        assert.ok(pose.hips.every(Number.isFinite));
      } catch (error) {
        assert.ok(error instanceof WireError, `threw ${error}`);
      }
    }),
    { numRuns: 3_000 },
  );
});
