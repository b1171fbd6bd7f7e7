import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPose, type ShapeName, Shapes } from '@hayate/client';
import { ExpressionPerformer, Expressions } from './expression-performer.ts';

function weightAt(performer: ExpressionPerformer, shape: ShapeName, timeMs: number): number {
  const pose = createPose();
  performer.perform(timeMs, pose);
  return pose.shapes[Shapes.indexOf(shape)] ?? Number.NaN;
}

test('an expression fades in over 150 ms and out again', () => {
  const performer = new ExpressionPerformer();
  performer.wear('smile', 1_000);
  assert.equal(weightAt(performer, 'mouthSmileLeft', 1_000), 0);
  const half = weightAt(performer, 'mouthSmileLeft', 1_075);
  const full = weightAt(performer, 'mouthSmileLeft', 1_150);
  assert.ok(half > 0 && half < full, `${half} of ${full}`);
  assert.equal(weightAt(performer, 'mouthSmileLeft', 9_000), full);
  performer.wear(undefined, 9_000);
  assert.equal(weightAt(performer, 'mouthSmileLeft', 9_150), 0);
});

test('a change of expression in the middle of a fade makes no jump', () => {
  const performer = new ExpressionPerformer();
  performer.wear('surprised', 0);
  const before = weightAt(performer, 'eyeWideLeft', 60);
  performer.wear('sad', 60);
  assert.ok(Math.abs(weightAt(performer, 'eyeWideLeft', 60) - before) < 1e-6);
  assert.equal(weightAt(performer, 'eyeWideLeft', 210), 0);
  assert.ok(weightAt(performer, 'mouthFrownLeft', 210) > 0.5);
});

test('every expression keeps weights between 0 and 1, on top of any face', () => {
  for (const expression of Expressions) {
    const performer = new ExpressionPerformer();
    performer.wear(expression, 0);
    const pose = createPose();
    pose.shapes.fill(0.9);
    performer.perform(1_000, pose);
    assert.ok(
      pose.shapes.every((weight) => weight >= 0 && weight <= 1),
      expression,
    );
    assert.ok(
      pose.shapes.some((weight) => weight === 1),
      expression,
    );
  }
});
