import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bones, createPose, type Pose } from '@hayate/protocol';
import fc from 'fast-check';
import { MotionTimeline } from './motion-timeline.ts';

const head = Bones.indexOf('head') * 4;

/** The head turned by `degrees` around y, and the jaw open by `weight`. */
function turned(degrees: number, weight = 0): Pose {
  const pose = createPose();
  pose.rotations[head + 1] = Math.sin((degrees * Math.PI) / 360);
  pose.rotations[head + 3] = Math.cos((degrees * Math.PI) / 360);
  pose.shapes[17] = weight;
  pose.hips[1] = weight;
  return pose;
}
const degreesOf = (pose: Pose | undefined) => (Math.atan2(pose?.rotations[head + 1] ?? 0, pose?.rotations[head + 3] ?? 0) * 360) / Math.PI;

test('turns at an even speed between two poses, the shorter way', () => {
  const timeline = new MotionTimeline();
  const far = turned(80, 1);
  // The same rotation with its sign flipped.
  for (let i = head; i < head + 4; i++) far.rotations[i] = -(far.rotations[i] ?? 0);
  timeline.add(0, turned(0));
  timeline.add(100_000, far);
  for (const fraction of [0.1, 0.25, 0.5, 0.9]) {
    const pose = timeline.newPoseAt(fraction * 100_000);
    assert.ok(Math.abs(Math.abs(degreesOf(pose)) - 80 * fraction) < 0.01, `${degreesOf(pose)} degrees at ${fraction}`);
    assert.ok(Math.abs((pose?.shapes[17] ?? 0) - fraction) < 1e-6);
    assert.ok(Math.abs((pose?.hips[1] ?? 0) - fraction) < 1e-6);
  }
});

test('holds the first pose before it and the last after it, and keeps participants apart', () => {
  const timeline = new MotionTimeline();
  timeline.add(1_000, turned(10));
  timeline.add(2_000, turned(20));
  timeline.add(5_000, turned(50), 3);
  assert.equal(timeline.newPoseAt(0, 9), undefined);
  assert.deepEqual(timeline.participants(), [0, 3]);
  assert.ok(Math.abs(degreesOf(timeline.newPoseAt(0)) - 10) < 0.01);
  assert.ok(Math.abs(degreesOf(timeline.newPoseAt(9_000)) - 20) < 0.01);
  assert.ok(Math.abs(degreesOf(timeline.newPoseAt(0, 3)) - 50) < 0.01);
});

test('after a pause it moves over the last half second only, instead of drifting through the whole pause', () => {
  const timeline = new MotionTimeline();
  timeline.add(0, turned(0));
  timeline.add(10_000_000, turned(40));
  assert.ok(Math.abs(degreesOf(timeline.newPoseAt(9_000_000))) < 0.01);
  assert.ok(Math.abs(degreesOf(timeline.newPoseAt(9_750_000)) - 20) < 0.01);
});

test('gives unit rotations between the two neighbours, in any order of arrival', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 100 }), fc.nat(1_000_000), (times, at) => {
      const timeline = new MotionTimeline();
      for (const time of times) timeline.add(time, turned(time / 10_000, time / 1_000_000));
      const pose = timeline.newPoseAt(at);
      const sorted = [...times].sort((a, b) => a - b);
      const low = sorted.findLast((time) => time <= at) ?? sorted[0] ?? 0;
      const high = sorted.find((time) => time > at) ?? sorted.at(-1) ?? 0;
      const degrees = degreesOf(pose) * 10_000;
      assert.ok(degrees >= Math.min(low, high) - 50 && degrees <= Math.max(low, high) + 50, `${degrees} not in ${low}..${high}`);
      for (let bone = 0; bone < Bones.length; bone++) {
        const rotation = pose?.rotations.subarray(bone * 4, bone * 4 + 4) ?? [];
        assert.ok(Math.abs(Math.hypot(...rotation) - 1) < 1e-5);
      }
    }),
  );
});

test('without interpolation it gives received poses only: the newest at or before the time', () => {
  const timeline = new MotionTimeline({ interpolate: false });
  const poses = [turned(0), turned(30, 0.5), turned(60, 1)];
  for (const [i, pose] of poses.entries()) timeline.add(i * 100_000, pose);
  assert.deepEqual(timeline.newPoseAt(-1), poses[0]);
  assert.deepEqual(timeline.newPoseAt(99_999), poses[0]);
  assert.deepEqual(timeline.newPoseAt(100_000), poses[1]);
  assert.deepEqual(timeline.newPoseAt(199_999), poses[1]);
  assert.deepEqual(timeline.newPoseAt(900_000), poses[2]);
});
