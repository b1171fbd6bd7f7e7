// The brows, one stroke each. As in animation, they are visible through the fringe, so they can
// show expression.
import { Color, Group, Vector3 } from 'three';
import { FaceDrawing } from './face-drawing.ts';
import { HEAD_CENTRE_Y, onFace, type Weights } from './head-surface.ts';
import type { AvatarVariant } from './variant.ts';

/** Both brows: add `group` to the head. */
export class Brows {
  readonly group = new Group();
  readonly #strokes: readonly (readonly [side: -1 | 1, drawing: FaceDrawing])[];

  constructor(variant: AvatarVariant) {
    const color = new Color(variant.hair).lerp(new Color(0x3a2530), 0.45);
    this.#strokes = ([1, -1] as const).map((side) => [
      side,
      new FaceDrawing({ columns: 16, rows: 1, order: 12, color, seenThrough: 0.04 }),
    ]);
    for (const [, drawing] of this.#strokes) this.group.add(drawing.mesh);
  }

  /** Draws the brows from the shapes. */
  update(weights: Weights): void {
    for (const [side, drawing] of this.#strokes) {
      const down = side === 1 ? weights.browDownLeft : weights.browDownRight;
      const outer = side === 1 ? weights.browOuterUpLeft : weights.browOuterUpRight;
      const inner = weights.browInnerUp;
      drawing.stroke(
        (t, out) => {
          const rise = (inner * 0.011 - down * 0.011) * (1 - t) ** 1.4 + (outer * 0.011 - down * 0.004) * t;
          const arch = 0.0075 * (1 - (t * 1.7 - 0.9) ** 2 * 1.1) * (1 - down * 0.5);
          return out.set(side * (0.02 + t * 0.043 - down * 0.003 * (1 - t)), HEAD_CENTRE_Y + 0.0275 + arch + rise);
        },
        (t) => 0.0036 * Math.max(0, 1 - t) ** 0.55 * Math.min(1, 0.55 + t * 2.5),
        (x, y, out) => onFace(x, y, 0.0015, weights, out),
        scratch,
      );
    }
  }
}

const scratch = new Vector3();
