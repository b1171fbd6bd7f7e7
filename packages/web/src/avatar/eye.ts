// One eye of the default avatar: white, iris, pupil, lights, lashes and crease, drawn on the face.
// Lids close over the iris (blink, squint), widen, and follow the gaze. With a smile they close
// upwards into a laughing arc, as in animation.
import { Color, Group, MathUtils, type Quaternion, type Vector2, Vector3 } from 'three';
import { FaceDrawing } from './face-drawing.ts';
import { HEAD_CENTRE_Y, onFace, type Weights } from './head-surface.ts';
import type { AvatarVariant } from './variant.ts';

const centreX = 0.0425;
const centreY = HEAD_CENTRE_Y - 0.0145;
const halfWidth = 0.0272;
const upperHeight = 0.0285;
const lowerHeight = 0.0205;
const irisWidth = 0.0202;
const irisHeight = 0.0252;
/** How far the iris moves at a look shape's full weight, and per radian of the eye bone. */
const lookX = 0.0095;
const lookY = 0.0085;
const perRadian = 0.024;

const mix = (a: number, b: number, t: number) => a + (b - a) * t;

/** The shapes of one side, by function. */
interface SideShapes {
  blink: number;
  squint: number;
  wide: number;
  lookX: number;
  lookY: number;
  smile: number;
}

function shapesOf(weights: Weights, left: boolean): SideShapes {
  const w = weights;
  return left
    ? {
        blink: w.eyeBlinkLeft,
        squint: Math.max(w.eyeSquintLeft, w.cheekSquintLeft * 0.8),
        wide: w.eyeWideLeft,
        lookX: w.eyeLookOutLeft - w.eyeLookInLeft,
        lookY: w.eyeLookUpLeft - w.eyeLookDownLeft,
        smile: Math.max(w.mouthSmileLeft * 0.8, w.cheekSquintLeft),
      }
    : {
        blink: w.eyeBlinkRight,
        squint: Math.max(w.eyeSquintRight, w.cheekSquintRight * 0.8),
        wide: w.eyeWideRight,
        lookX: w.eyeLookOutRight - w.eyeLookInRight,
        lookY: w.eyeLookUpRight - w.eyeLookDownRight,
        smile: Math.max(w.mouthSmileRight * 0.8, w.cheekSquintRight),
      };
}

/** An eye: add `group` to the head. */
export class Eye {
  readonly group = new Group();
  readonly #side: -1 | 1;
  readonly #white: FaceDrawing;
  readonly #iris: FaceDrawing;
  readonly #lights: FaceDrawing[];
  readonly #upperLash: FaceDrawing;
  readonly #lashTips: FaceDrawing[];
  readonly #lowerLash: FaceDrawing;
  readonly #crease: FaceDrawing;

  constructor(side: -1 | 1, variant: AvatarVariant, detail: number) {
    this.#side = side;
    const mark = side === 1 ? 1 : 2;
    const lash = new Color(variant.hair).lerp(new Color(0x1d1420), 0.78);
    const columns = Math.round(24 * detail);
    this.#white = new FaceDrawing({ columns, rows: 5, order: 2, marks: mark, color: whiteColor });
    this.#iris = new FaceDrawing({
      columns: Math.round(36 * detail),
      rows: irisRings.length - 1,
      order: 3,
      within: mark,
      color: irisColor(variant),
    });
    this.#lights = lights.map(
      ({ opacity }) => new FaceDrawing({ columns: 18, rows: 1, order: 5, within: mark, color: lightColor, opacity: () => opacity }),
    );
    this.#upperLash = new FaceDrawing({ columns: columns + 6, rows: 1, order: 6, color: lash });
    this.#lashTips = [0, 1].map(() => new FaceDrawing({ columns: 5, rows: 1, order: 6, color: lash }));
    this.#lowerLash = new FaceDrawing({ columns, rows: 1, order: 4, color: lash.clone().lerp(new Color(variant.skin), 0.25) });
    this.#crease = new FaceDrawing({ columns, rows: 1, order: 4, color: new Color(variant.skin).multiply(new Color(0xd8988c)) });
    for (const drawing of [this.#white, this.#iris, ...this.#lights, this.#upperLash, ...this.#lashTips, this.#lowerLash, this.#crease]) {
      this.group.add(drawing.mesh);
    }
  }

  /** Draws the eye from the shapes and the eye bone. */
  update(weights: Weights, bone: Quaternion): void {
    const side = this.#side;
    const s = shapesOf(weights, side === 1);
    const lay = (lift: number) => (ex: number, ey: number, out: Vector3) => onFace(side * (centreX + ex), centreY + ey, lift, weights, out);
    const gaze = forward.set(0, 0, 1).applyQuaternion(bone);
    const irisX = s.lookX * lookX + side * Math.asin(Math.min(1, Math.max(-1, gaze.x))) * perRadian;
    const irisY = s.lookY * lookY + Math.asin(Math.min(1, Math.max(-1, gaze.y))) * perRadian;

    const upper = (t: number) => {
      const x = t * 2 - 1;
      const open =
        (upperHeight * (1 + 0.14 * s.wide - 0.16 * s.squint) + irisY * 0.55 - 0.0008) * (1 - Math.abs(x) ** 2.3) ** 0.62 + tilt(x);
      return mix(open, meeting(x, s), s.blink);
    };
    const lower = (t: number) => {
      const x = t * 2 - 1;
      const open = -lowerHeight * (1 + 0.06 * s.wide - 0.42 * s.squint) * (1 - Math.abs(x) ** 2.8) ** 0.75 + tilt(x);
      return Math.min(mix(open, meeting(x, s), s.blink), upper(t));
    };
    const along = (t: number) => (t * 2 - 1) * halfWidth;

    this.#white.shape((u, v, out) => lay(0.0004)(along(u), mix(lower(u), upper(u), v), out), scratch);
    this.#white.mesh.visible = s.blink < 0.97;
    const size = 1 - 0.06 * s.wide;
    this.#iris.shape((u, v, out) => {
      const radius = (irisRings[Math.round(v * (irisRings.length - 1))]?.radius ?? 1) * size;
      const angle = u * Math.PI * 2;
      lay(0.0007)(irisX + Math.cos(angle) * irisWidth * radius, irisY + 0.0016 + Math.sin(angle) * irisHeight * radius, out);
    }, scratch);
    for (const [i, light] of lights.entries()) {
      this.#lights[i]?.shape((u, v, out) => {
        const angle = u * Math.PI * 2;
        const x = irisX * 0.92 + (side * light.x + Math.cos(angle) * light.width * v) * irisWidth;
        const y = irisY * 0.92 + 0.0016 + (light.y + Math.sin(angle) * light.height * v) * irisHeight;
        lay(0.001)(x, y, out);
      }, scratch);
    }
    const lid = (t: number, out: Vector2) => {
      const beyond = Math.max(0, t - 0.93) / 0.07;
      const at = Math.min(t / 0.93, 1);
      return out.set(along(at) + beyond * 0.0052, upper(at) + beyond * (0.0042 - 0.0052 * s.blink * (1 - s.smile)));
    };
    const thickness = mix(1, 0.8, s.blink);
    this.#upperLash.stroke(
      lid,
      (t) => thickness * 0.0056 * Math.sin(Math.min(1, t * 1.1 + 0.06) * Math.PI * 0.5) ** 1.2 * taper(t, 0.93),
      lay(0.0012),
      scratch,
    );
    for (const [i, tip] of this.#lashTips.entries()) {
      const root = 0.8 + i * 0.1;
      const down = s.blink * (1 - s.smile);
      tip.stroke(
        (t, out) => out.set(along(root) + t * (0.0055 - i * 0.001), upper(root) + 0.001 + t * mix(0.0062 - i * 0.001, -0.005, down)),
        (t) => 0.0026 * (1 - t),
        lay(0.0012),
        scratch,
      );
    }
    this.#lowerLash.stroke(
      (t, out) => out.set(along(0.12 + t * 0.86), lower(0.12 + t * 0.86) - 0.0004),
      (t) => mix(0.0018, 0.0006, s.blink) * Math.sin(Math.min(1, Math.max(0, t)) * Math.PI * 0.62),
      lay(0.0009),
      scratch,
    );
    this.#crease.stroke(
      (t, out) =>
        out.set(
          along(0.16 + t * 0.8) * 0.98,
          mix(upper(0.16 + t * 0.8) + 0.0068, upperHeight * 0.62, s.blink) + (s.blink > 0 ? 0.004 * s.blink * (1 - (t * 2 - 1) ** 2) : 0),
        ),
      (t) => 0.0013 * Math.sin(Math.min(1, Math.max(0, t)) * Math.PI),
      lay(0.0006),
      scratch,
    );
  }
}

const scratch = new Vector3();
const lightColor = new Color(0xffffff);
const forward = new Vector3();

/** The outer corner is a little higher. */
const tilt = (x: number) => 0.0022 * x;
/** The line where the lids meet: a sleeping arc downwards, or a laughing arc upwards. */
const meeting = (x: number, s: SideShapes) =>
  mix(-lowerHeight * 0.72 * (1 - x * x) - 0.002, upperHeight * 0.42 * (1 - x * x) - 0.009, MathUtils.smoothstep(s.smile, 0.2, 0.55)) +
  tilt(x);
const taper = (t: number, from: number) => (t < from ? 1 : Math.max(0, 1 - (t - from) / (1 - from)));

const lights = [
  { x: -0.36, y: 0.42, width: 0.3, height: 0.27, opacity: 1 },
  { x: 0.4, y: -0.44, width: 0.15, height: 0.14, opacity: 0.95 },
  { x: 0.02, y: -0.62, width: 0.42, height: 0.12, opacity: 0.28 },
];

/** Radii and tones from the pupil outwards; equal radii make an edge. */
const irisRings = [
  { radius: 0, tone: 'pupil' },
  { radius: 0.36, tone: 'pupil' },
  { radius: 0.42, tone: 'inner' },
  { radius: 0.7, tone: 'outer' },
  { radius: 0.86, tone: 'outer' },
  { radius: 0.9, tone: 'limbus' },
  { radius: 1, tone: 'limbus' },
] as const;

function irisColor(variant: AvatarVariant): (u: number, v: number, out: Color) => void {
  const iris = new Color(variant.iris);
  const glow = new Color(variant.irisGlow);
  const dark = iris.clone().multiplyScalar(0.22);
  return (u, v, out) => {
    const tone = irisRings[Math.round(v * (irisRings.length - 1))]?.tone ?? 'limbus';
    const height = Math.sin(u * Math.PI * 2) * 0.5 + 0.5;
    if (tone === 'pupil') out.copy(dark).multiplyScalar(0.7);
    else if (tone === 'limbus') out.copy(dark).lerp(iris, 0.25 * (1 - height));
    else {
      const bright = Math.max(0, 1 - height * (tone === 'inner' ? 1.25 : 1.1));
      out
        .copy(iris)
        .lerp(dark, Math.max(0, height - 0.45) * 1.1)
        .lerp(glow, bright ** 1.3);
    }
  };
}

/** The white of the eye, darker below the upper lid. */
function whiteColor(_u: number, v: number, out: Color): void {
  out.set(0xfffdfb).lerp(shadow, Math.max(0, v - 0.55) * 1.7);
}
const shadow = new Color(0xb9a9c9);
