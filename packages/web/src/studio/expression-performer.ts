// Expressions by name: the chosen one fades in, the others fade out. The face in between is a
// function of time alone.
import { type Pose, type ShapeName, Shapes } from '@hayate/client';
import type { Performer } from '@hayate/client/performer';

/** The expressions that the studio offers, in the order of their keys. */
export const Expressions = ['smile', 'surprised', 'wink', 'sad'] as const;

export type Expression = (typeof Expressions)[number];

const fadeMs = 150;

const shapes: Readonly<Record<Expression, Partial<Record<ShapeName, number>>>> = {
  smile: {
    mouthSmileLeft: 0.85,
    mouthSmileRight: 0.85,
    cheekSquintLeft: 0.6,
    cheekSquintRight: 0.6,
    eyeSquintLeft: 0.45,
    eyeSquintRight: 0.45,
    browInnerUp: 0.15,
  },
  surprised: {
    eyeWideLeft: 0.95,
    eyeWideRight: 0.95,
    browInnerUp: 0.85,
    browOuterUpLeft: 0.9,
    browOuterUpRight: 0.9,
    jawOpen: 0.28,
    mouthFunnel: 0.3,
  },
  wink: { eyeBlinkLeft: 1, cheekSquintLeft: 0.7, mouthSmileLeft: 0.75, mouthSmileRight: 0.4, browDownLeft: 0.2, browOuterUpRight: 0.35 },
  sad: {
    mouthFrownLeft: 0.8,
    mouthFrownRight: 0.8,
    browInnerUp: 0.95,
    eyeSquintLeft: 0.2,
    eyeSquintRight: 0.2,
    mouthShrugLower: 0.4,
    eyeLookDownLeft: 0.2,
    eyeLookDownRight: 0.2,
  },
};

interface Fade {
  from: number;
  to: number;
  startMs: number;
}

/** Shows one expression at a time, or none. */
export class ExpressionPerformer implements Performer {
  readonly #fades = new Map<Expression, Fade>();
  #worn: Expression | undefined;

  get worn(): Expression | undefined {
    return this.#worn;
  }

  /** Shows `expression` from `timeMs`; undefined: a neutral face. */
  wear(expression: Expression | undefined, timeMs: number): void {
    this.#worn = expression;
    for (const each of Expressions) {
      const to = each === expression ? 1 : 0;
      if (to !== (this.#fades.get(each)?.to ?? 0)) this.#fades.set(each, { from: this.#weight(each, timeMs), to, startMs: timeMs });
    }
  }

  perform(timeMs: number, pose: Pose): void {
    for (const expression of Expressions) {
      const weight = this.#weight(expression, timeMs);
      if (weight === 0) continue;
      for (const [name, full] of Object.entries(shapes[expression])) {
        const at = Shapes.indexOf(name as ShapeName);
        pose.shapes[at] = Math.min(1, (pose.shapes[at] ?? 0) + full * weight);
      }
    }
  }

  #weight(expression: Expression, timeMs: number): number {
    const fade = this.#fades.get(expression);
    if (fade === undefined) return 0;
    const part = Math.min(1, Math.max(0, (timeMs - fade.startMs) / fadeMs));
    return fade.from + (fade.to - fade.from) * part * part * (3 - 2 * part);
  }
}
