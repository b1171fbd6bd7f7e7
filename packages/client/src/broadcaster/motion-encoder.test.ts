import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bones, createPose, decodeMotion, type Pose, type QuantisedPose, quantisePose, Shapes } from '@hayate/protocol';
import fc from 'fast-check';
import { type EncodedMotion, MotionEncoder } from './motion-encoder.ts';

/** A pose with the first `count` shapes at `weight`. */
function shaped(count: number, weight: number): Pose {
  const pose = createPose();
  pose.shapes.fill(weight, 0, count);
  return pose;
}

/** An encoder whose keys count as sent, and which numbers its frames. */
function encoderOf() {
  const encoder = new MotionEncoder();
  let sequence = 0;
  return {
    encoder,
    send(pose: Pose, captureMs: number, { participant = 0, keysOnly = false } = {}): (EncodedMotion & { sequence: number }) | undefined {
      const captureUs = captureMs * 1_000;
      const motion = encoder.encode(pose, { participant, captureUs, keysOnly });
      if (motion === undefined) return undefined;
      const frame = { participant, captureUs, sequence: sequence++ };
      if (motion.keySequence === undefined) encoder.keySent(motion, frame);
      return { ...motion, sequence: frame.sequence };
    },
  };
}

test('the first pose is a key, and later ones are deltas that name it', () => {
  const { send } = encoderOf();
  assert.equal(send(shaped(10, 0.5), 0)?.keySequence, undefined);
  assert.equal(send(shaped(10, 0.5), 33)?.keySequence, 0);
  assert.equal(send(shaped(9, 0.5), 66)?.keySequence, 0);
});

test('a key comes 0.9 s after the last, so that even at 10 poses a second none is more than 1 s old', () => {
  const { send } = encoderOf();
  const pose = shaped(10, 0.5);
  send(pose, 0);
  assert.equal(send(pose, 899)?.keySequence, 0);
  const second = send(pose, 900);
  assert.equal(second?.keySequence, undefined);
  assert.equal(send(pose, 1_799)?.keySequence, second?.sequence, 'the time counts from the newest key');
  assert.equal(send(pose, 1_800)?.keySequence, undefined);
});

test('a capture time before that of the key gives a key: a viewer could not tell the age of a delta', () => {
  const { send } = encoderOf();
  const pose = shaped(10, 0.5);
  send(pose, 500);
  assert.equal(send(pose, 500)?.keySequence, 0);
  assert.equal(send(pose, 499)?.keySequence, undefined);
});

test('a delta that would be no smaller than its key is sent as a key, because a key can be lost without harm to others', () => {
  const { send } = encoderOf();
  const key = send(shaped(4, 0.5), 0);
  // As large as the key: the same four shapes with other weights.
  const equal = send(shaped(4, 0.7), 10);
  assert.equal(equal?.payload.length, key?.payload.length);
  assert.equal(equal?.keySequence, undefined);
  const larger = send(shaped(40, 0.9), 20);
  assert.equal(larger?.keySequence, undefined);
  // Smaller by one shape.
  const smaller = shaped(40, 0.9);
  smaller.shapes.fill(0.1, 0, 39);
  const delta = send(smaller, 30);
  assert.equal(delta?.keySequence, larger?.sequence);
  assert.ok(delta !== undefined && larger !== undefined && delta.payload.length < larger.payload.length);
});

test('in congestion only keys are encoded, and they come when they are due', () => {
  const { send } = encoderOf();
  const pose = shaped(10, 0.5);
  assert.ok(send(pose, 0, { keysOnly: true }));
  assert.equal(send(pose, 500, { keysOnly: true }), undefined);
  assert.ok(send(pose, 900, { keysOnly: true }));
  assert.equal(send(pose, 1_000)?.keySequence, 1);
});

test('after restart the next pose of every participant is a key', () => {
  const { encoder, send } = encoderOf();
  const pose = shaped(10, 0.5);
  for (const participant of [0, 5]) send(pose, 0, { participant });
  encoder.restart();
  for (const participant of [0, 5]) assert.equal(send(pose, 100, { participant })?.keySequence, undefined);
});

test('a participant’s deltas refer to its own key', () => {
  const { send } = encoderOf();
  send(shaped(10, 0.5), 0);
  assert.equal(send(shaped(10, 0.9), 10, { participant: 1 })?.keySequence, undefined);
  assert.equal(send(shaped(10, 0.5), 20)?.keySequence, 0);
  assert.equal(send(shaped(10, 0.9), 20, { participant: 1 })?.keySequence, 1);
});

test('a key that was encoded but not sent is never referred to', () => {
  const encoder = new MotionEncoder();
  const options = { participant: 0, captureUs: 0, keysOnly: false };
  encoder.encode(shaped(10, 0.5), options);
  assert.equal(encoder.encode(shaped(10, 0.5), options)?.keySequence, undefined);
});

test('every pose decodes to its quantised form from its own payload and the key that it names', () => {
  const change = fc.record({
    participant: fc.nat(1),
    waitMs: fc.nat(400),
    keysOnly: fc.boolean(),
    shape: fc.nat(Shapes.length - 1),
    weight: fc.double({ min: 0, max: 1, noNaN: true }),
    bone: fc.nat(Bones.length - 1),
    angle: fc.double({ min: -3, max: 3, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const { send } = encoderOf();
      const poses = [createPose(), createPose()];
      const keys = new Map<number, QuantisedPose>();
      let nowMs = 0;
      for (const { participant, waitMs, keysOnly, shape, weight, bone, angle } of changes) {
        nowMs += waitMs;
        const pose = poses[participant] ?? createPose();
        pose.shapes[shape] = weight;
        pose.rotations.set([Math.sin(angle / 2), 0, 0, Math.cos(angle / 2)], bone * 4);
        const sent = send(pose, nowMs, { participant, keysOnly });
        if (sent === undefined) continue;
        const key = sent.keySequence === undefined ? undefined : keys.get(sent.keySequence);
        assert.equal(key === undefined, sent.keySequence === undefined);
        const { quantised } = decodeMotion(sent.payload, key);
        assert.deepEqual(quantised, quantisePose(pose));
        if (sent.keySequence === undefined) keys.set(sent.sequence, quantised);
      }
    }),
  );
});
