// Neck, shoulders, arms and the hoodie: one skinned mesh over the upper skeleton, made in the
// T-pose in world space at the bones' rest positions. The picture shows head and shoulders, so legs
// have bones and no mesh.
import { type BoneName, Bones } from '@hayate/protocol';
import { type BufferGeometry, Color, Vector3 } from 'three';
import { SurfaceMesh } from './surface-mesh.ts';
import type { AvatarVariant } from './variant.ts';

/** The bones that move the skin, in the order of its skinIndex. */
export const SkinnedBones: readonly BoneName[] = Bones.filter((bone) => !/Leg|Foot|Toes|Eye|jaw/.test(bone));
const index = (bone: BoneName) => SkinnedBones.indexOf(bone);

const smooth = (low: number, high: number, value: number) => {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
};

/** Half width, depth and forward shift of the hoodie at heights from the hem to the collar. */
const rings = [
  [0.72, 0.128, 0.09, 0],
  [0.8, 0.132, 0.09, 0],
  [0.92, 0.124, 0.086, 0.002],
  [1.02, 0.126, 0.086, 0.006],
  [1.1, 0.139, 0.084, 0.006],
  [1.145, 0.136, 0.074, 0.002],
  [1.17, 0.113, 0.062, -0.002],
  [1.184, 0.078, 0.05, -0.004],
] as const;

function ringAt(v: number): [y: number, width: number, depth: number, shift: number] {
  const place = Math.min(rings.length - 1.0001, Math.max(0, v * (rings.length - 1)));
  const i = Math.floor(place);
  const t = place - i;
  const value = (column: 0 | 1 | 2 | 3) => {
    const p = (offset: number) => rings[Math.min(rings.length - 1, Math.max(0, i + offset))]?.[column] ?? 0;
    const [a, b, c, d] = [p(-1), p(0), p(1), p(2)];
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3);
  };
  return [value(0), value(1), value(2), value(3)];
}

const spine: readonly (readonly [bone: BoneName, y: number])[] = [
  ['hips', 0.8],
  ['spine', 0.88],
  ['chest', 0.98],
  ['upperChest', 1.08],
  ['neck', 1.2],
];

/** Weights along the spine by height. */
function spineSkin(_u: number, _v: number, point: Vector3): [number, number, number] {
  for (let i = spine.length - 1; i > 0; i--) {
    const [bone, y] = spine[i] ?? ['hips', 0];
    const [below] = spine[i - 1] ?? ['hips'];
    if (point.y > y - 0.03) return [index(bone), smooth(y - 0.03, y + 0.05, point.y), index(below)];
  }
  return [index('hips'), 1, index('hips')];
}

/** The whole upper body in the rest pose, world space. */
export function createBodyGeometry(variant: AvatarVariant, detail: number): BufferGeometry {
  const mesh = new SurfaceMesh();
  addNeck(mesh, variant, detail);
  addTorso(mesh, variant, detail);
  addHood(mesh, variant, detail);
  for (const side of ['left', 'right'] as const) addArm(mesh, side, variant, detail);
  return mesh.build();
}

function addNeck(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const skin = new Color(variant.skin);
  const shaded = skin.clone().multiply(new Color(0xd39d9c));
  mesh.add({
    columns: Math.round(28 * detail),
    rows: 8,
    at(u, v, out) {
      const angle = (u - 0.5) * Math.PI * 2;
      const radius = 0.0325 + 0.02 * (1 - v) ** 3 + 0.004 * v * v;
      out.set(Math.sin(angle) * radius, 1.165 + v * 0.115, Math.cos(angle) * radius * 0.92 - 0.004 + v * 0.006);
    },
    color: (_u, v, out) => out.copy(skin).lerp(shaded, smooth(0.12, 0.42, v)),
    skin: (_u, v) => [index('head'), smooth(0.5, 1, v), index('neck')],
  });
  // The shirt in the collar.
  const shirt = new Color(variant.shirt);
  mesh.add({
    columns: Math.round(32 * detail),
    rows: 6,
    at(u, v, out) {
      const angle = (u - 0.5) * Math.PI * 2;
      const front = Math.cos(angle) * 0.5 + 0.5;
      const radius = 0.047 + (1 - v) * 0.05;
      out.set(
        Math.sin(angle) * radius * 1.05,
        1.15 - front * (1 - v) * 0.02 + v * (0.045 - front * 0.006),
        Math.cos(angle) * radius * 0.86 - 0.002,
      );
    },
    color: shirt,
    skin: spineSkin,
  });
}

function addTorso(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const cloth = new Color(variant.hoodie);
  const trim = new Color(variant.hoodieTrim);
  mesh.add({
    columns: Math.round(52 * detail),
    rows: Math.round(36 * detail),
    at(u, v, out) {
      const angle = (u - 0.5) * Math.PI * 2;
      const [y, width, depth, shift] = ringAt(v);
      const s = Math.sin(angle);
      const c = Math.cos(angle);
      // An open collar in front.
      const dip = smooth(1.14, 1.178, y) * Math.max(0, c) ** 2 * 0.04;
      out.set(Math.sign(s) * Math.abs(s) ** 0.86 * width, y - dip, Math.sign(c) * Math.abs(c) ** 0.86 * depth + shift);
    },
    color: cloth,
    skin: spineSkin,
  });
  // The zip, a strip that follows the front.
  mesh.add({
    columns: 4,
    rows: Math.round(36 * detail),
    at(u, v, out) {
      const [y, , depth, shift] = ringAt(v * 0.86);
      const dip = smooth(1.14, 1.178, y) * 0.04;
      out.set((u - 0.5) * 0.012, y - dip, depth + shift + 0.0022 - 0.0022 * (u * 2 - 1) ** 2);
    },
    color: trim,
    skin: spineSkin,
  });
}

/** The hood, lying around the neck, and its cords. */
function addHood(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const cloth = new Color(variant.hoodie);
  const inner = cloth.clone().lerp(new Color(variant.hoodieTrim), 0.5);
  const path = (u: number, out: Vector3) => {
    const angle = (u - 0.5) * 2 * 2.86;
    const back = 0.5 - 0.5 * Math.cos(angle);
    return out.set(
      -Math.sin(angle + Math.PI) * -1 * (0.078 + 0.016 * Math.sin(back * Math.PI)),
      1.204 - 0.066 * back ** 1.7,
      -Math.cos(angle) * (0.07 + 0.008 * back) + 0.004,
    );
  };
  const here = new Vector3();
  const next = new Vector3();
  const outwards = new Vector3();
  mesh.add({
    columns: Math.round(48 * detail),
    rows: Math.round(16 * detail),
    at(u, v, out) {
      path(u, here);
      path(u + 0.004, next)
        .sub(here)
        .normalize();
      outwards.set(here.x, 0, here.z).normalize();
      const ends = Math.sqrt(Math.max(0, 1 - Math.abs(u * 2 - 1) ** 6));
      const thick = (0.03 - 0.013 * Math.abs(u * 2 - 1) ** 1.5) * (0.15 + 0.85 * ends);
      const angle = v * Math.PI * 2;
      out.copy(here).addScaledVector(outwards, Math.cos(angle) * thick * 0.85);
      out.y += Math.sin(angle) * thick * (1 + 0.25 * (1 - Math.abs(u * 2 - 1)));
    },
    color: (_u, v, out) => out.copy(cloth).lerp(inner, smooth(0.3, 0.36, v) * smooth(0.66, 0.6, v)),
    skin: spineSkin,
  });
  const cord = new Color(variant.accent);
  for (const s of [-1, 1]) {
    mesh.add({
      columns: 8,
      rows: Math.round(14 * detail),
      at(u, v, out) {
        const angle = u * Math.PI * 2;
        const end = v < 0.16 ? 1.9 : 1;
        const radius = 0.0034 * end * Math.min(1, v * 30);
        const down = 1 - v;
        out.set(
          s * (0.03 + 0.012 * Math.sin(down * 2)) + Math.sin(angle) * radius,
          1.142 - down * 0.085,
          0.078 + 0.022 * Math.sin(Math.min(1, down * 1.6) * 1.5) + Math.cos(angle) * radius,
        );
      },
      color: cord,
      skin: spineSkin,
    });
  }
}

/** Sleeve, cuff and hand, along ±X. */
function addArm(mesh: SurfaceMesh, side: 'left' | 'right', variant: AvatarVariant, detail: number): void {
  const s = side === 'left' ? 1 : -1;
  const cloth = new Color(variant.hoodie);
  const trim = new Color(variant.hoodieTrim);
  const skin = new Color(variant.skin);
  const shoulderX = 0.116;
  const y = 1.157;
  const upperArm = index(`${side}UpperArm`);
  const lowerArm = index(`${side}LowerArm`);
  const hand = index(`${side}Hand`);
  // More rings where the sleeve rounds off into the shoulder.
  const along = (v: number) => v ** 1.6;
  const tube = (
    from: number,
    to: number,
    radius: (t: number) => number,
    flat: number,
    color: Color | ((t: number, out: Color) => void),
    skinOf: (x: number) => [number, number, number],
  ) =>
    mesh.add({
      columns: Math.round(22 * detail),
      rows: Math.round(26 * detail),
      at(u, v, out) {
        // The seam is at the back.
        const angle = (u - 0.5) * Math.PI * 2;
        const t = along(v);
        out.set(s * (from + (to - from) * t), y + Math.sin(angle) * radius(t) * flat, Math.cos(angle) * radius(t));
      },
      color: color instanceof Color ? color : (_u, v, out) => color(along(v), out),
      skin: (_u, v) => skinOf(from + (to - from) * along(v)),
      flip: s === 1,
    });
  const round = (t: number, end: number) => Math.sqrt(Math.max(0, 1 - ((end - Math.min(t, end)) / end) ** 2));
  const elbow = shoulderX + 0.19;
  const wrist = elbow + 0.17;
  tube(
    shoulderX - 0.046,
    wrist,
    (t) => (0.05 - 0.006 * t + 0.005 * Math.sin(Math.max(0, t - 0.6) * 8)) * round(t, 0.2) * (t > 0.985 ? 0.75 : 1),
    1,
    (t, out) => out.copy(t > 0.9 || (t > 0.3 && t < 0.36) ? trim : cloth),
    (x) => [lowerArm, smooth(elbow - 0.03, elbow + 0.03, x), upperArm],
  );
  tube(
    wrist - 0.01,
    wrist + 0.075,
    (t) => 0.026 * Math.sin(Math.min(1, 0.35 + t * 0.8) * Math.PI * 0.5) * Math.sqrt(Math.max(0, 1 - Math.max(0, (t - 0.6) / 0.4) ** 2)),
    0.62,
    skin,
    () => [hand, 1, hand],
  );
  for (const [finger, z] of [
    ['Index', 0.02],
    ['Middle', 0.007],
    ['Ring', -0.007],
    ['Little', -0.02],
  ] as const) {
    const proximal = index(`${side}${finger}Proximal`);
    mesh.add({
      columns: 8,
      rows: 8,
      at(u, v, out) {
        const angle = u * Math.PI * 2;
        const radius = 0.0078 * Math.sqrt(Math.max(0, 1 - Math.max(0, (v - 0.7) / 0.3) ** 2));
        out.set(
          s * (wrist + 0.05 + v * (finger === 'Little' ? 0.045 : 0.058)),
          y + Math.sin(angle) * radius,
          z + Math.cos(angle) * radius * s,
        );
      },
      color: skin,
      skin: () => [proximal, 1, proximal],
      flip: s === 1,
    });
  }
}
