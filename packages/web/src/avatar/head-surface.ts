// The shape of the default avatar's head as pure functions, metres, in the space of the head bone:
// the position of the skin, its displacement by each ARKit shape, and the depth of the face at (x,
// y). The mesh, its morph targets, the hair and all drawings on the face use these, so they always
// fit each other.
import type { ShapeName } from '@hayate/protocol';
import { Vector3 } from 'three';

/** The middle of the head above the head bone. */
export const HEAD_CENTRE_Y = 0.1;
const centreZ = 0.004;

const bump = (value: number, width: number) => Math.exp(-(value * value) / (width * width));
const smooth = (low: number, high: number, value: number) => {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
};

/**
 * The point `lift` metres above the skin in a direction, radians (azimuth 0 = front, positive to
 * the avatar's left).
 */
export function headPoint(azimuth: number, elevation: number, lift: number, out: Vector3): Vector3 {
  const dx = Math.sin(azimuth) * Math.cos(elevation);
  const dy = Math.sin(elevation);
  const dz = Math.cos(azimuth) * Math.cos(elevation);
  const below = Math.max(0, -dy);
  const front = smooth(-0.2, 0.8, dz);
  let x = (0.101 + lift) * dx * (1 - 0.42 * below ** 1.7) * (1 + 0.035 * bump(dy + 0.3, 0.28) * front);
  let y = (dy < 0 ? 0.111 + lift : 0.119 + lift) * dy;
  let z = (0.106 + lift) * dz;
  // A flatter face, a chin in front, a jaw that rises towards the neck.
  z -= 0.007 * front * bump(dy + 0.05, 0.5);
  z += 0.05 * below * below * (0.55 + 0.45 * front);
  y += 0.055 * below * below * smooth(0.45, -0.9, dz);
  // Sockets, nose, mouth.
  const side = Math.abs(x);
  z -= 0.0035 * bump(side - 0.038, 0.024) * bump(y + 0.004, 0.026) * front;
  z += 0.0125 * bump(x, 0.0085) * bump(y + 0.0445, 0.012) * front;
  z += 0.004 * bump(x, 0.011) * bump(y + 0.022, 0.024) * front;
  z += 0.003 * bump(x, 0.026) * bump(y + 0.075, 0.02) * front;
  x *= 1 - 0.03 * smooth(0.3, 1, dy);
  return out.set(x, y + HEAD_CENTRE_Y, z + centreZ);
}

/** A field that moves skin: adds its full displacement at the rest point (x, y, z) to `out`. */
type Field = (x: number, y: number, z: number, out: Vector3) => void;

/** Height of the closed mouth. */
export const MOUTH_Y = HEAD_CENTRE_Y - 0.0715;
const chin = (y: number, z: number) => smooth(MOUTH_Y + 0.012, MOUTH_Y - 0.034, y) * smooth(-0.03, 0.07, z);
const jaw = (by: Vector3): Field => {
  return (_x, y, z, out) => {
    out.addScaledVector(by, chin(y, z));
  };
};
const cheek = (side: number): Field => {
  return (x, y, z, out) => {
    const w = bump(x - side * 0.055, 0.026) * bump(y - (HEAD_CENTRE_Y - 0.05), 0.026) * smooth(0, 0.06, z);
    out.x += side * 0.0022 * w;
    out.y += 0.003 * w;
    out.z += 0.0035 * w;
  };
};
const sneer = (side: number): Field => {
  return (x, y, z, out) => {
    const w = bump(x - side * 0.012, 0.01) * bump(y - (HEAD_CENTRE_Y - 0.04), 0.014) * smooth(0, 0.06, z);
    out.y += 0.003 * w;
    out.z += 0.0015 * w;
  };
};
const muzzle = (depth: number): Field => {
  return (x, y, z, out) => {
    out.z += depth * bump(x, 0.022) * bump(y - MOUTH_Y, 0.018) * smooth(0, 0.06, z);
  };
};

/** How shapes move the skin of the head at weight 1; they add up. */
export const SkinFields: ReadonlyMap<ShapeName, Field> = new Map<ShapeName, Field>([
  ['jawOpen', jaw(new Vector3(0, -0.017, -0.005))],
  ['jawForward', jaw(new Vector3(0, 0, 0.007))],
  ['jawLeft', jaw(new Vector3(0.007, 0, 0))],
  ['jawRight', jaw(new Vector3(-0.007, 0, 0))],
  [
    'cheekPuff',
    (x, y, z, out) => {
      for (const side of [-1, 1]) {
        const w = bump(x - side * 0.052, 0.026) * bump(y - (HEAD_CENTRE_Y - 0.062), 0.024) * smooth(0, 0.06, z);
        out.x += side * 0.009 * w;
        out.z += 0.007 * w;
      }
    },
  ],
  ['mouthSmileLeft', cheek(1)],
  ['mouthSmileRight', cheek(-1)],
  ['cheekSquintLeft', cheek(1)],
  ['cheekSquintRight', cheek(-1)],
  ['noseSneerLeft', sneer(1)],
  ['noseSneerRight', sneer(-1)],
  ['mouthFunnel', muzzle(0.004)],
  ['mouthPucker', muzzle(0.005)],
]);

/** The current weights of the shapes. */
export type Weights = Readonly<Record<ShapeName, number>>;

const cells = 72;
const extentX = 0.098;
const lowY = -0.135;
const highY = 0.075;
let depths: Float32Array | undefined;

/** z of the resting skin at each cell of the face, found by Newton's method over directions. */
function measureDepths(): Float32Array {
  const result = new Float32Array((cells + 1) * (cells + 1));
  const here = new Vector3();
  const right = new Vector3();
  const up = new Vector3();
  for (let row = 0; row <= cells; row++) {
    for (let column = 0; column <= cells; column++) {
      const x = (column / cells) * 2 * extentX - extentX;
      const y = HEAD_CENTRE_Y + lowY + (row / cells) * (highY - lowY);
      let azimuth = x / 0.11;
      let elevation = (y - HEAD_CENTRE_Y) / 0.13;
      for (let i = 0; i < 12; i++) {
        headPoint(azimuth, elevation, 0, here);
        headPoint(azimuth + 1e-4, elevation, 0, right).sub(here);
        headPoint(azimuth, elevation + 1e-4, 0, up).sub(here);
        const determinant = right.x * up.y - right.y * up.x;
        if (Math.abs(determinant) < 1e-14) break;
        const ex = x - here.x;
        const ey = y - here.y;
        azimuth += Math.min(0.3, Math.max(-0.3, ((ex * up.y - ey * up.x) / determinant) * 1e-4));
        elevation += Math.min(0.3, Math.max(-0.3, ((ey * right.x - ex * right.y) / determinant) * 1e-4));
        azimuth = Math.min(1.5, Math.max(-1.5, azimuth));
        elevation = Math.min(1.2, Math.max(-1.45, elevation));
      }
      result[row * (cells + 1) + column] = headPoint(azimuth, elevation, 0, here).z;
    }
  }
  return result;
}

/**
 * Depth of the resting face at (x, y) in the space of the head bone; for points beside the face,
 * the depth at its rim.
 */
export function faceDepth(x: number, y: number): number {
  depths ??= measureDepths();
  const at = (column: number, row: number) => depths?.[row * (cells + 1) + column] ?? 0;
  const column = Math.min(cells - 1e-6, Math.max(0, ((x + extentX) / (2 * extentX)) * cells));
  const row = Math.min(cells - 1e-6, Math.max(0, ((y - HEAD_CENTRE_Y - lowY) / (highY - lowY)) * cells));
  const c = Math.floor(column);
  const r = Math.floor(row);
  const s = column - c;
  const t = row - r;
  return (at(c, r) * (1 - s) + at(c + 1, r) * s) * (1 - t) + (at(c, r + 1) * (1 - s) + at(c + 1, r + 1) * s) * t;
}

const moved = new Vector3();

/**
 * Moves (x, y), a point on the resting face, to the skin as displaced by `weights`, `lift` metres
 * above it.
 */
export function onFace(x: number, y: number, lift: number, weights: Weights, out: Vector3): Vector3 {
  const z = faceDepth(x, y);
  out.set(x, y, z + lift);
  for (const [shape, field] of SkinFields) {
    const weight = weights[shape];
    if (weight === 0) continue;
    field(x, y, z, moved.set(0, 0, 0));
    out.addScaledVector(moved, weight);
  }
  return out;
}

/**
 * Depth of the displaced skin at its current (x, y); a close estimate, because the fields are
 * sampled at (x, y).
 */
export function depthOnFace(x: number, y: number, weights: Weights): number {
  const z = faceDepth(x, y);
  let depth = z;
  for (const [shape, field] of SkinFields) {
    const weight = weights[shape];
    if (weight === 0) continue;
    field(x, y, z, moved.set(0, 0, 0));
    depth += moved.z * weight;
  }
  return depth;
}
