import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Vector3 } from 'three';
import { faceDepth, HEAD_CENTRE_Y, headPoint, MOUTH_Y, SkinFields } from './head-surface.ts';

test('the depth of the face agrees with the surface within half a millimetre', () => {
  const point = new Vector3();
  for (let azimuth = -0.85; azimuth <= 0.85; azimuth += 0.05) {
    for (let elevation = -0.8; elevation <= 0.5; elevation += 0.05) {
      headPoint(azimuth, elevation, 0, point);
      if (Math.abs(point.x) > 0.07) continue;
      assert.ok(Math.abs(faceDepth(point.x, point.y) - point.z) < 5e-4, `${azimuth.toFixed(2)}, ${elevation.toFixed(2)}`);
    }
  }
});

test('the head is symmetric and its skin has no hole at the back', () => {
  const [left, right] = [new Vector3(), new Vector3()];
  for (const elevation of [-1.2, -0.4, 0, 0.7, 1.3]) {
    headPoint(0.6, elevation, 0, left);
    headPoint(-0.6, elevation, 0, right);
    assert.ok(Math.abs(left.x + right.x) < 1e-12 && Math.abs(left.y - right.y) < 1e-12 && Math.abs(left.z - right.z) < 1e-12);
    headPoint(Math.PI, elevation, 0, left);
    headPoint(-Math.PI, elevation, 0, right);
    assert.ok(left.distanceTo(right) < 1e-12);
  }
});

test('an open jaw lowers the chin and does not move the forehead', () => {
  const field = SkinFields.get('jawOpen');
  assert.ok(field);
  const at = (y: number) => {
    const moved = new Vector3();
    field(0, y, faceDepth(0, y), moved);
    return moved.y;
  };
  assert.ok(at(MOUTH_Y - 0.03) < -0.01);
  assert.equal(at(HEAD_CENTRE_Y + 0.05), 0);
});
