// An avatar's headgear: a headset with microphone, one with cat ears, or a hair clip. In the space
// of the head bone.
import { type BufferGeometry, Color, Vector3 } from 'three';
import { HEAD_CENTRE_Y, headPoint } from './head-surface.ts';
import { SurfaceMesh } from './surface-mesh.ts';
import type { AvatarVariant } from './variant.ts';

/** The accessory's geometry; undefined for none. */
export function createAccessoryGeometry(variant: AvatarVariant, detail: number): BufferGeometry | undefined {
  const mesh = new SurfaceMesh();
  if (variant.accessory === 'none') return undefined;
  if (variant.accessory === 'clip') addClip(mesh, variant);
  else {
    addHeadset(mesh, variant, detail);
    if (variant.accessory === 'cat-ears') addCatEars(mesh, variant, detail);
    else addMicrophone(mesh, variant, detail);
  }
  return mesh.build();
}

const shell = new Color(0x2b3042);
const light = new Color(0xf3f1ee);

function addHeadset(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const accent = new Color(variant.accent);
  mesh.add({
    columns: Math.round(40 * detail),
    rows: 10,
    at(u, v, out) {
      const angle = (u - 0.5) * 2.9;
      const tube = v * Math.PI * 2;
      const radius = 0.146 + Math.cos(tube) * 0.007;
      out.set(Math.sin(angle) * radius * 0.97, HEAD_CENTRE_Y + Math.cos(angle) * radius * 1.06, -0.01 - Math.sin(tube) * 0.012);
    },
    color: (u, _v, out) => out.copy(Math.abs(u - 0.5) < 0.26 ? shell : light),
  });
  for (const s of [-1, 1]) {
    mesh.add({
      columns: Math.round(28 * detail),
      rows: Math.round(14 * detail),
      at(u, v, out) {
        const angle = u * Math.PI * 2 * s;
        const outer = v;
        const radius = 0.042 * (outer > 0.72 ? Math.sqrt(Math.max(0, 1 - ((outer - 0.72) / 0.28) ** 2)) : 1 - 0.1 * (1 - outer));
        out.set(
          s * (0.108 + Math.min(1, outer * 1.25) * 0.034),
          HEAD_CENTRE_Y - 0.008 + Math.sin(angle) * radius * 1.12,
          -0.008 + Math.cos(angle) * radius,
        );
      },
      color: (_u, v, out) => out.copy(v < 0.3 ? shell : v > 0.78 && v < 0.9 ? accent : light),
      flip: true,
    });
  }
}

function addMicrophone(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const s = -variant.parting;
  const accent = new Color(variant.accent);
  const start = new Vector3(s * 0.128, HEAD_CENTRE_Y - 0.03, 0.018);
  const bend = new Vector3(s * 0.126, HEAD_CENTRE_Y - 0.096, 0.075);
  const end = new Vector3(s * 0.056, HEAD_CENTRE_Y - 0.103, 0.118);
  const here = new Vector3();
  mesh.add({
    columns: 8,
    rows: Math.round(20 * detail),
    at(u, v, out) {
      const angle = u * Math.PI * 2;
      const t = 1 - v;
      here
        .copy(start)
        .multiplyScalar((1 - t) ** 2)
        .addScaledVector(bend, 2 * t * (1 - t))
        .addScaledVector(end, t * t);
      const radius = t > 0.86 ? 0.0075 * Math.sqrt(Math.max(0.02, 1 - ((t - 0.93) / 0.07) ** 2)) : 0.0026;
      out.set(here.x + Math.cos(angle) * radius * 0.6, here.y + Math.sin(angle) * radius, here.z + Math.cos(angle) * radius * 0.8);
    },
    color: (_u, v, out) => out.copy(v < 0.14 ? accent : shell),
  });
}

function addCatEars(mesh: SurfaceMesh, variant: AvatarVariant, detail: number): void {
  const accent = new Color(variant.accent);
  for (const s of [-1, 1]) {
    for (const inner of [0, 1]) {
      const size = inner === 1 ? 0.62 : 1;
      mesh.add({
        columns: Math.round(20 * detail),
        rows: Math.round(12 * detail),
        at(u, v, out) {
          const angle = u * Math.PI * 2;
          const radius = 0.034 * size * (1 - v) ** 0.72;
          out.set(
            s * (0.07 + v * 0.016) + Math.sin(angle) * radius,
            HEAD_CENTRE_Y + 0.118 + v * 0.062 * size + inner * 0.006 - Math.sin(angle) * s * radius * 0.5,
            -0.008 + Math.cos(angle) * radius * 0.42 + inner * 0.0095,
          );
        },
        color: inner === 1 ? accent : shell,
      });
    }
  }
}

function addClip(mesh: SurfaceMesh, variant: AvatarVariant): void {
  const accent = new Color(variant.accent);
  const base = new Vector3();
  for (const [row, tilt] of [0.35, -0.35].entries()) {
    mesh.add({
      columns: 10,
      rows: 12,
      at(u, v, out) {
        const angle = u * Math.PI * 2;
        const t = v * 2 - 1;
        headPoint(
          -variant.parting * (0.86 + t * 0.13 * Math.cos(tilt)),
          0.5 - row * 0.05 + t * 0.13 * tilt * -variant.parting,
          0.033,
          base,
        );
        const radius = 0.0052 * Math.sqrt(Math.max(0, 1 - t ** 4));
        out.set(
          base.x + Math.cos(angle) * radius * 0.5 * -variant.parting,
          base.y + Math.sin(angle) * radius,
          base.z + Math.cos(angle) * radius,
        );
      },
      color: accent,
      flip: variant.parting === -1,
    });
  }
}
