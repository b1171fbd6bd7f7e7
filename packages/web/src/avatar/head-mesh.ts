// The skin of head and neck: a mesh over head-surface.ts with a morph target for each ARKit shape
// that moves skin, ears, and a touch of nose and blush. The normals are those of a smoother head,
// so light falls in clean shapes.
import type { ShapeName } from '@hayate/protocol';
import { type BufferGeometry, Color, Float32BufferAttribute, Vector3 } from 'three';
import { FaceDrawing } from './face-drawing.ts';
import { HEAD_CENTRE_Y, headPoint, onFace, SkinFields, type Weights } from './head-surface.ts';
import { SurfaceMesh } from './surface-mesh.ts';
import type { AvatarVariant } from './variant.ts';

/** The shapes of the skin's morph targets, in their order. */
export const SkinShapes: readonly ShapeName[] = [...SkinFields.keys()];

/** The head's skin in the space of the head bone. */
export function createHeadGeometry(variant: AvatarVariant, detail: number): BufferGeometry {
  const skin = new Color(variant.skin);
  const shaded = skin.clone().multiply(new Color(0xe3b1ac));
  const columns = Math.round(80 * detail);
  const mesh = new SurfaceMesh().add({
    columns,
    rows: Math.round(64 * detail),
    at: (u, v, out) => headPoint((u - 0.5) * Math.PI * 2, (v - 0.5) * Math.PI, 0, out),
    normal(u, v, out) {
      const azimuth = (u - 0.5) * Math.PI * 2;
      const elevation = (v - 0.5) * Math.PI;
      out.set(Math.sin(azimuth) * Math.cos(elevation), Math.sin(elevation) * 0.85, Math.cos(azimuth) * Math.cos(elevation) * 1.02);
    },
    // Shade under the fringe and at the hairline, as if cast by the hair.
    color(u, v, out) {
      const azimuth = Math.abs((u - 0.5) * Math.PI * 2);
      const under = Math.min(1, Math.max(0, (v - 0.66) / 0.06)) * (azimuth < 1.6 ? 1 : 0);
      const aside = Math.min(1, Math.max(0, (azimuth - 1.05) / 0.35));
      out.copy(skin).lerp(shaded, Math.max(under, aside * 0.8));
    },
  });
  for (const side of [-1, 1]) {
    mesh.add({
      columns: Math.round(16 * detail),
      rows: Math.round(12 * detail),
      at(u, v, out) {
        const angle = u * Math.PI * 2;
        const polar = (v - 0.5) * Math.PI;
        const r = Math.cos(polar);
        out.set(
          side * (0.1 + Math.sin(polar) * 0.008 + r * 0.002),
          HEAD_CENTRE_Y - 0.014 + Math.sin(angle) * r * 0.027,
          -0.004 + Math.cos(angle) * r * 0.016 - Math.sin(angle) * r * 0.004,
        );
      },
      color: (_u, v, out) => out.copy(skin).lerp(shaded, side === 1 ? v * 0.7 : 1 - v * 0.7),
      flip: side === -1,
    });
  }
  const geometry = mesh.build();
  addMorphTargets(geometry);
  return geometry;
}

function addMorphTargets(geometry: BufferGeometry): void {
  const positions = geometry.getAttribute('position');
  const moved = new Vector3();
  geometry.morphTargetsRelative = true;
  geometry.morphAttributes.position = [...SkinFields.values()].map((field) => {
    const displacements = new Float32Array(positions.count * 3);
    for (let i = 0; i < positions.count; i++) {
      field(positions.getX(i), positions.getY(i), positions.getZ(i), moved.set(0, 0, 0));
      moved.toArray(displacements, i * 3);
    }
    return new Float32BufferAttribute(displacements, 3);
  });
}

/** Blush on both cheeks and the shadow of the nose: add the meshes to the head. */
export class Complexion {
  readonly #blush: readonly (readonly [side: -1 | 1, drawing: FaceDrawing])[];
  readonly #nose: FaceDrawing;
  readonly #noseLight: FaceDrawing;

  constructor(variant: AvatarVariant) {
    const blush = new Color(variant.skin).lerp(new Color(0xff5d68), 0.55);
    const opacity = (_u: number, v: number) => 0.5 * (1 - v) ** 1.4;
    this.#blush = ([1, -1] as const).map((side) => [side, new FaceDrawing({ columns: 22, rows: 6, order: 1, color: blush, opacity })]);
    const shadow = new Color(variant.skin).multiply(new Color(0xc9776f));
    this.#nose = new FaceDrawing({ columns: 8, rows: 1, order: 3, color: shadow });
    this.#noseLight = new FaceDrawing({ columns: 12, rows: 2, order: 4, color: new Color(0xffffff), opacity: (_u, v) => 0.75 * (1 - v) });
  }

  get meshes() {
    return [...this.#blush.map(([, drawing]) => drawing.mesh), this.#nose.mesh, this.#noseLight.mesh];
  }

  /** Lays them onto the skin as the shapes move it; a smile reddens the cheeks. */
  update(weights: Weights): void {
    for (const [side, drawing] of this.#blush) {
      const smile = side === 1 ? weights.mouthSmileLeft : weights.mouthSmileRight;
      const size = 1 + smile * 0.25;
      drawing.shape((u, v, out) => {
        const angle = u * Math.PI * 2;
        onFace(
          side * 0.0555 + Math.cos(angle) * v * 0.0205 * size,
          HEAD_CENTRE_Y - 0.0495 + smile * 0.003 + Math.sin(angle) * v * 0.0125 * size,
          0.0004,
          weights,
          out,
        );
      }, scratch);
    }
    const wrinkle = (weights.noseSneerLeft + weights.noseSneerRight) * 0.001;
    this.#nose.stroke(
      (t, out) => out.set(-0.0036 + t * 0.0066, HEAD_CENTRE_Y - 0.0505 - 0.0014 * Math.sin(t * Math.PI) + wrinkle),
      (t) => 0.0016 * Math.sin(Math.min(1, Math.max(0, t)) * Math.PI),
      (x, y, out) => onFace(x, y, 0.0008, weights, out),
      scratch,
    );
    this.#noseLight.shape((u, v, out) => {
      const angle = u * Math.PI * 2;
      onFace(0.0022 + Math.cos(angle) * v * 0.002, HEAD_CENTRE_Y - 0.0415 + Math.sin(angle) * v * 0.0024, 0.0008, weights, out);
    }, scratch);
  }
}

const scratch = new Vector3();
