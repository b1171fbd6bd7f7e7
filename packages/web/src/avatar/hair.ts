// Hair: a cap that follows the skull, and locks over it. A lock is a tapering strand with a
// lens-shaped section, swept along a curve of directions around the head and, for long hair, of
// points below it. Its free end sways.
import { type BufferGeometry, CatmullRomCurve3, Color, Vector3 } from 'three';
import { HEAD_CENTRE_Y, headPoint } from './head-surface.ts';
import { SurfaceMesh } from './surface-mesh.ts';
import type { AvatarVariant } from './variant.ts';

/**
 * A point on a lock's course, root to tip: a direction on the head (degrees, and metres above the
 * skin) or a point in the head's space.
 */
type Waypoint = { azimuth: number; elevation: number; lift: number } | { x: number; y: number; z: number };

interface Lock {
  course: readonly Waypoint[];
  /** Greatest width, metres. */
  width: number;
  thickness: number;
  /** Where along the lock it is widest, 0 to 1. */
  fullest?: number;
  /** How far its tip sways, 0 to 1. */
  sway?: number;
  /** Makes it a little lighter or darker than its neighbours. */
  tone?: number;
  /** How much of the tip colour its end takes, 0 to 1. Default 1. */
  tip?: number;
}

const on = (azimuth: number, elevation: number, lift: number): Waypoint => ({ azimuth, elevation, lift });
const point = (x: number, y: number, z: number): Waypoint => ({ x, y: y + HEAD_CENTRE_Y, z });

/** All hair of a variant, in the space of the head bone. */
export function createHairGeometry(variant: AvatarVariant, detail: number): BufferGeometry {
  const mesh = new SurfaceMesh();
  addCap(mesh, variant, detail);
  for (const lock of locksOf(variant)) addLock(mesh, lock, variant, detail);
  return mesh.build();
}

function addCap(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const root = new Color(variant.hair);
  mesh.add({
    columns: Math.round(56 * detail),
    rows: Math.round(24 * detail),
    at(u, v, out) {
      const azimuth = (u - 0.5) * Math.PI * 2;
      const turned = Math.abs(azimuth);
      // The hairline: high over the forehead, down before the ears, low at the nape.
      const edge = turned < 1.1 ? 0.62 : turned < 1.75 ? 0.62 - ((turned - 1.1) / 0.65) * 0.72 : -0.1 - ((turned - 1.75) / 1.4) * 0.62;
      const elevation = Math.PI / 2 + (edge - Math.PI / 2) * (1 - v);
      headPoint(azimuth, elevation, 0.012 * Math.min(1, v * 8 + 0.2), out);
    },
    color: (_u, v, out) => out.copy(root).multiplyScalar(0.86 + 0.14 * v),
  });
}

function addLock(mesh: SurfaceMesh, lock: Lock, variant: AvatarVariant, detail: number): void {
  const points = lock.course.map((waypoint) =>
    'x' in waypoint
      ? new Vector3(waypoint.x, waypoint.y, waypoint.z)
      : headPoint((waypoint.azimuth * Math.PI) / 180, (waypoint.elevation * Math.PI) / 180, waypoint.lift, new Vector3()),
  );
  const curve = new CatmullRomCurve3(points, false, 'centripetal');
  const fullest = lock.fullest ?? 0.35;
  const root = new Color(variant.hair);
  const tip = new Color(variant.hairTip);
  const tone = 1 + (lock.tone ?? 0);
  const axis = new Vector3();
  const along = new Vector3();
  const outwards = new Vector3();
  const across = new Vector3();
  const profile = (s: number) =>
    s < fullest ? 0.55 + 0.45 * Math.sin((s / fullest) * Math.PI * 0.5) : Math.max(0, 1 - ((s - fullest) / (1 - fullest)) ** 1.55);
  mesh.add({
    columns: Math.max(6, Math.round(10 * detail)),
    rows: Math.max(8, Math.round((points.length > 4 ? 26 : 18) * detail)),
    at(u, v, out) {
      const s = Math.min(1, Math.max(0, 1 - v));
      curve.getPoint(s, axis);
      curve.getTangent(s, along);
      outwards.set(axis.x, (axis.y - HEAD_CENTRE_Y) * (axis.y > HEAD_CENTRE_Y ? 1 : 0), axis.z);
      outwards.addScaledVector(along, -outwards.dot(along)).normalize();
      across.crossVectors(along, outwards);
      const width = profile(s);
      const angle = u * Math.PI * 2;
      const side = Math.sin(angle);
      const front = Math.cos(angle);
      out
        .copy(axis)
        .addScaledVector(across, side * width * lock.width * 0.5)
        .addScaledVector(
          outwards,
          (front > 0 ? front : front * 0.35) * width * lock.thickness * 0.5 - side * side * width * lock.width * 0.12,
        );
    },
    color(u, v, out) {
      const s = 1 - v;
      out
        .copy(root)
        .lerp(tip, Math.max(0, (s - 0.35) / 0.65) ** 1.5 * 0.8 * (lock.tip ?? 1))
        .multiplyScalar(tone * (0.9 + 0.1 * Math.cos(u * Math.PI * 2)));
    },
    sway: (_u, v) => (lock.sway ?? 0.25) * Math.max(0, 1 - v - 0.2),
    flip: true,
  });
}

function locksOf(variant: AvatarVariant): Lock[] {
  const locks = [...fringe(variant.parting), ...crown(variant)];
  const style = variant.hairStyle;
  if (style === 'short') locks.push(...shortSides(), ...shortBack());
  else
    locks.push(
      ...sideLocks(style === 'bob' ? 0.115 : 0.2),
      ...(style === 'long' ? curtain(0.33, 0.07) : style === 'bob' ? curtain(0.135, -0.035) : curtain(0.1, -0.05)),
    );
  if (style === 'tails') locks.push(...tails());
  return locks;
}

/**
 * The fringe, swept from its parting. It leaves the eyes free and lets one strand hang between
 * them.
 */
function fringe(parting: -1 | 1): Lock[] {
  const p = parting;
  const strand = (from: number, to: number, low: number, width: number, tone: number, lift = 0.016): Lock => ({
    course: [
      on(from * p * 0.6, 80, 0.012),
      on(from * p, 60, 0.02),
      on((from * 0.4 + to * 0.6) * p, 40, lift + 0.006),
      on(to * p, low, lift),
    ],
    width,
    thickness: 0.02,
    fullest: 0.5,
    sway: 0.35,
    tone,
    tip: 0.5,
  });
  return [
    strand(-64, -66, 2, 0.05, 0.01, 0.012),
    strand(-46, -47, 12, 0.052, -0.02, 0.015),
    strand(-28, -29, 16, 0.052, 0.02, 0.017),
    strand(-12, -10, 9, 0.045, -0.01, 0.02),
    strand(6, 5, 15, 0.044, 0.03, 0.02),
    strand(20, 26, 17, 0.052, -0.02, 0.018),
    strand(34, 44, 13, 0.056, 0.02, 0.016),
    strand(48, 64, 3, 0.055, 0, 0.012),
  ];
}

/** Volume on the crown, and one strand that stands up. */
function crown(variant: AvatarVariant): Lock[] {
  const p = variant.parting;
  const over = [-150, -110, -75, 75, 110, 150, 180].map(
    (azimuth, i): Lock => ({
      course: [on(azimuth * 0.7, 84, 0.01), on(azimuth, 55, 0.022), on(azimuth, 25, 0.02), on(azimuth, 2, 0.012)],
      width: 0.085,
      thickness: 0.022,
      fullest: 0.55,
      tone: i % 2 === 0 ? 0.02 : -0.02,
      sway: 0.1,
      tip: 0.15,
    }),
  );
  const cowlick: Lock = {
    course: [on(0, 88, 0.008), point(0.012 * p, 0.158, 0.01), point(0.034 * p, 0.172, 0.022), point(0.056 * p, 0.158, 0.03)],
    width: 0.014,
    thickness: 0.009,
    fullest: 0.3,
    sway: 0.9,
    tip: 0.6,
  };
  return [...over, cowlick];
}

/** A lock before each ear, which frames the face. */
function sideLocks(length: number): Lock[] {
  return [-1, 1].flatMap((s): Lock[] => [
    {
      course: [
        on(s * 62, 52, 0.014),
        on(s * 74, 22, 0.02),
        point(s * 0.11, -0.035, 0.05),
        point(s * 0.098, -length * 0.75, 0.056),
        point(s * 0.084, -length, 0.062),
      ],
      width: 0.042,
      thickness: 0.026,
      fullest: 0.42,
      sway: 0.7,
    },
    {
      course: [on(s * 80, 48, 0.014), on(s * 90, 18, 0.02), point(s * 0.119, -0.04, 0.014), point(s * 0.113, -length * 0.82, 0.016)],
      width: 0.052,
      thickness: 0.026,
      fullest: 0.45,
      tone: -0.02,
      sway: 0.5,
    },
  ]);
}

/**
 * The back: broad locks down to `length` below the middle of the head, their ends `out` metres
 * outwards.
 */
function curtain(length: number, out: number): Lock[] {
  const around = [100, 122, 145, 168, 192, 215, 238, 260];
  return around.map((azimuth, i): Lock => {
    const a = (azimuth * Math.PI) / 180;
    const x = Math.sin(a);
    const z = Math.cos(a);
    const drop = length * (i % 2 === 0 ? 1 : 0.93);
    return {
      course: [
        on(azimuth, 62, 0.012),
        on(azimuth, 25, 0.022),
        point(x * 0.122, -0.03, z * 0.122),
        point(x * (0.118 + out * 0.3), -drop * 0.7, z * (0.112 + out * 0.2)),
        point(x * (0.108 + out * 0.7), -drop, z * (0.1 + out * 0.3)),
      ],
      width: 0.078,
      thickness: 0.032,
      fullest: 0.55,
      sway: 0.6,
      tone: i % 2 === 0 ? 0 : -0.04,
    };
  });
}

/** Two tails from above the ears. */
function tails(): Lock[] {
  return [-1, 1].flatMap((s) =>
    [-1, 0, 1].map(
      (k): Lock => ({
        course: [
          point(s * 0.1, 0.062, -0.035),
          point(s * 0.15, 0.075 + k * 0.008, -0.045 + k * 0.02),
          point(s * (0.185 + k * 0.012), 0.0, -0.05 + k * 0.028),
          point(s * (0.175 + k * 0.014), -0.12, -0.035 + k * 0.03),
          point(s * (0.15 + k * 0.02), -0.24 - (k === 0 ? 0.03 : 0), -0.015 + k * 0.02),
        ],
        width: 0.056,
        thickness: 0.045,
        fullest: 0.45,
        tone: k * 0.03,
        sway: 1,
      }),
    ),
  );
}

function shortSides(): Lock[] {
  return [-1, 1].flatMap((s) =>
    [68, 84, 100].map(
      (azimuth, i): Lock => ({
        course: [
          on(s * azimuth * 0.9, 52, 0.014),
          on(s * azimuth, 24, 0.022),
          on(s * (azimuth + 2), 0, 0.018),
          on(s * (azimuth - 5), -22 + i * 3, 0.014 + i * 0.004),
        ],
        width: 0.046,
        thickness: 0.024,
        fullest: 0.45,
        tone: i % 2 === 0 ? 0.02 : -0.03,
        sway: 0.3,
        tip: 0.5,
      }),
    ),
  );
}

function shortBack(): Lock[] {
  return [118, 138, 158, 180, 202, 222, 242].map(
    (azimuth, i): Lock => ({
      course: [on(azimuth, 50, 0.014), on(azimuth, 15, 0.024), on(azimuth, -18, 0.024), on(azimuth, -44, 0.03 + (i % 2) * 0.008)],
      width: 0.066,
      thickness: 0.03,
      fullest: 0.5,
      tone: i % 2 === 0 ? 0 : -0.04,
      sway: 0.3,
      tip: 0.5,
    }),
  );
}
