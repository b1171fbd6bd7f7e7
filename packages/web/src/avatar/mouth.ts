// The mouth of the default avatar: lips drawn on the skin around a real opening. The opening clears
// the skin's depth in its area, so teeth and tongue lie behind the lips and shift against them as
// the head turns.
import { AlwaysDepth, Color, EqualStencilFunc, FrontSide, Group, Mesh, MeshBasicMaterial, type Vector2, Vector3 } from 'three';
import { FaceDrawing } from './face-drawing.ts';
import { depthOnFace, MOUTH_Y, type Weights } from './head-surface.ts';
import { SurfaceMesh } from './surface-mesh.ts';
import type { AvatarVariant } from './variant.ts';

const mark = 3;
const restHalfWidth = 0.0168;

/**
 * The outline: upper and lower lip at t in [-1 (avatar's right), 1 (left)], and the width of the
 * opening, metres.
 */
interface Outline {
  centreX: number;
  halfWidth: number;
  upper(t: number): number;
  lower(t: number): number;
  open: number;
  jaw: number;
}

function outlineOf(w: Weights): Outline {
  const both = (left: number, right: number) => (left + right) / 2;
  const smile = both(w.mouthSmileLeft, w.mouthSmileRight);
  const stretch = both(w.mouthStretchLeft, w.mouthStretchRight);
  const dimple = both(w.mouthDimpleLeft, w.mouthDimpleRight);
  const press = both(w.mouthPressLeft, w.mouthPressRight);
  const upperUp = both(w.mouthUpperUpLeft, w.mouthUpperUpRight);
  const lowerDown = both(w.mouthLowerDownLeft, w.mouthLowerDownRight);
  const sneer = both(w.noseSneerLeft, w.noseSneerRight);
  const halfWidth =
    restHalfWidth *
    Math.max(
      0.28,
      1 +
        0.42 * stretch +
        0.36 * smile +
        0.16 * dimple +
        0.06 * press -
        0.55 * w.mouthPucker -
        0.4 * w.mouthFunnel -
        0.12 * w.jawOpen +
        0.08 * w.cheekPuff,
    );
  const centreX = (w.mouthLeft - w.mouthRight) * 0.008 + (w.jawLeft - w.jawRight) * 0.003;
  const sealed = 1 - 0.92 * w.mouthClose;
  const rise = (upperUp * 0.0055 + w.mouthFunnel * 0.0042 + smile * w.jawOpen * 0.0012 + sneer * 0.0012) * sealed;
  const drop = (w.jawOpen * 0.0265 + lowerDown * 0.0075 + w.mouthFunnel * 0.0062 + w.mouthPucker * 0.0016) * sealed;
  const corner = (t: number) => {
    const left = w.mouthSmileLeft * 0.0062 + w.mouthDimpleLeft * 0.0025 - w.mouthFrownLeft * 0.0068 - w.mouthStretchLeft * 0.0012;
    const right = w.mouthSmileRight * 0.0062 + w.mouthDimpleRight * 0.0025 - w.mouthFrownRight * 0.0068 - w.mouthStretchRight * 0.0012;
    return (t > 0 ? left : right) * t * t + 0.0019 * t * t;
  };
  const shrug = w.mouthShrugUpper * 0.0022 + w.mouthShrugLower * 0.0026 + (w.jawForward - 1) * 0.0001;
  const close = (t: number) => (1 - Math.abs(Math.min(1, Math.max(-1, t))) ** 2.4) ** 0.8;
  const skew = (t: number, left: number, right: number) => (t > 0 ? left : right);
  return {
    centreX,
    halfWidth,
    open: rise + drop,
    jaw: w.jawOpen * sealed,
    upper: (t) =>
      corner(t) +
      shrug +
      close(t) * (rise + skew(t, w.mouthUpperUpLeft - upperUp, w.mouthUpperUpRight - upperUp) * 0.003) -
      w.mouthRollUpper * 0.0014 * (1 - t * t),
    lower: (t) =>
      corner(t) +
      shrug -
      close(t) * (drop + skew(t, w.mouthLowerDownLeft - lowerDown, w.mouthLowerDownRight - lowerDown) * 0.004) +
      w.mouthRollLower * 0.0014 * (1 - t * t),
  };
}

/** The mouth: add `group` to the head. */
export class Mouth {
  readonly group = new Group();
  readonly #opening: FaceDrawing;
  readonly #upperLip: FaceDrawing;
  readonly #lowerLip: FaceDrawing;
  readonly #underLip: FaceDrawing;
  readonly #tongueOut: FaceDrawing;
  readonly #teeth: Mesh;
  readonly #lowerTeeth: Mesh;
  readonly #tongue: Mesh;

  constructor(variant: AvatarVariant, detail: number) {
    const columns = Math.round(28 * detail);
    const line = new Color(variant.skin).multiply(new Color(0x8a3b3e));
    this.#opening = new FaceDrawing({
      columns,
      rows: 6,
      order: 2,
      marks: mark,
      color: (_u, v, out) => out.set(0x5c1524).lerp(throat, v),
    });
    cutThroughSkin(this.#opening.mesh.material);
    this.#upperLip = new FaceDrawing({ columns, rows: 1, order: 5, color: line });
    this.#lowerLip = new FaceDrawing({ columns, rows: 1, order: 5, color: line.clone().lerp(new Color(variant.skin), 0.25) });
    const tint = new Color(variant.skin).multiply(new Color(0xe08a86));
    this.#underLip = new FaceDrawing({
      columns: 14,
      rows: 2,
      order: 4,
      color: tint,
      opacity: (u, v) => 0.55 * Math.sin(u * Math.PI) * Math.sin(v * Math.PI),
    });
    const tongue = new Color(0xe8717c);
    this.#tongueOut = new FaceDrawing({
      columns: 12,
      rows: 8,
      order: 7,
      color: (u, v, out) => out.copy(tongue).multiplyScalar(0.72 + 0.28 * v - 0.2 * Math.exp(-(((u - 0.5) / 0.08) ** 2))),
    });
    this.#teeth = inside(arch(0.0225, 0.0085, columns), 0xfffaf4);
    this.#lowerTeeth = inside(arch(0.02, 0.006, columns), 0xf3e6e0);
    this.#tongue = inside(tongueGeometry(columns), 0xffffff);
    for (const drawing of [this.#opening, this.#upperLip, this.#lowerLip, this.#underLip, this.#tongueOut]) this.group.add(drawing.mesh);
    this.group.add(this.#teeth, this.#lowerTeeth, this.#tongue);
  }

  /** Draws the mouth from the shapes. */
  update(weights: Weights): void {
    const o = outlineOf(weights);
    const lay = (lift: number) => (x: number, y: number, out: Vector3) => out.set(x, y, depthOnFace(x, y, weights) + lift);
    const point = (t: number, y: number, out: Vector2) => out.set(o.centreX + t * o.halfWidth, MOUTH_Y + y);
    this.#opening.mesh.visible = o.open > 0.0006;
    this.#opening.shape((u, v, out) => {
      const t = u * 2 - 1;
      const upper = o.upper(t);
      lay(0.0004)(o.centreX + t * o.halfWidth, MOUTH_Y + o.lower(t) + (upper - o.lower(t)) * v, out);
    }, scratch);
    const thin = 1 - 0.35 * Math.max(weights.mouthRollUpper, (weights.mouthPressLeft + weights.mouthPressRight) / 2);
    this.#upperLip.stroke(
      (s, out) => point(s * 2.08 - 1.04, o.upper(s * 2 - 1), out),
      (s) => 0.0019 * thin * (0.45 + 0.55 * Math.abs(Math.cos(s * Math.PI))) * ends(s),
      lay(0.0011),
      scratch,
    );
    this.#lowerLip.mesh.visible = o.open > 0.0006;
    this.#lowerLip.stroke(
      (s, out) => point(s * 2 - 1, o.lower(s * 2 - 1), out),
      (s) => 0.0015 * ends(s),
      lay(0.001),
      scratch,
    );
    const fullness = 0.004 * (1 - 0.7 * weights.mouthRollLower) * (1 + 0.5 * weights.mouthPucker);
    this.#underLip.stroke(
      (s, out) => point((s - 0.5) * 1.1, o.lower((s - 0.5) * 0.9) - 0.0034, out),
      () => fullness,
      lay(0.0007),
      scratch,
    );

    const depth = depthOnFace(o.centreX, MOUTH_Y, weights);
    const widen = o.halfWidth / restHalfWidth;
    this.#teeth.position.set(o.centreX, MOUTH_Y + o.upper(0) * 0.6 - 0.0005, depth - 0.006);
    this.#teeth.scale.set(0.62 * widen, 0.55, 0.5);
    const floor = MOUTH_Y + o.lower(0);
    this.#lowerTeeth.visible = o.jaw > 0.5;
    this.#lowerTeeth.position.set(o.centreX, floor + 0.001, depth - 0.009);
    this.#lowerTeeth.scale.set(0.45 * widen, 0.5, 0.5);
    this.#tongue.position.set(o.centreX, floor - 0.001 + weights.tongueOut * 0.003, depth - 0.012);
    this.#tongue.scale.set(0.85 * widen, 0.75 + 0.35 * o.jaw, 1);

    this.#tongueOut.mesh.visible = weights.tongueOut > 0.02;
    const length = 0.016 * weights.tongueOut;
    this.#tongueOut.shape((u, v, out) => {
      const t = u * 2 - 1;
      const round = Math.sqrt(Math.max(0, 1 - Math.max(0, 1 - v * 1.35) ** 2));
      const x = o.centreX + t * o.halfWidth * 0.62 * round;
      lay(0.0022 + 0.004 * (1 - v) * weights.tongueOut * (1 - t * t))(x, floor + 0.0035 - length * (1 - v), out);
    }, scratch);
  }
}

const scratch = new Vector3();
const throat = new Color(0x2c0912);
const ends = (s: number) => Math.min(1, Math.min(s, 1 - s) * 9 + 0.1);

/**
 * How far behind the lips the skin is cleared, metres: past teeth and tongue, but in front of the
 * hair at the nape.
 */
const cutDepth = 0.03;

/**
 * Makes a drawing move the depth in its area behind the skin, so that parts inside can be drawn
 * there.
 */
function cutThroughSkin(material: MeshBasicMaterial): void {
  material.side = FrontSide;
  material.depthFunc = AlwaysDepth;
  material.onBeforeCompile = (shader) => {
    shader.vertexShader = `varying float cutDepth;\n${shader.vertexShader}`.replace(
      '#include <project_vertex>',
      `#include <project_vertex>
       vec4 behind = projectionMatrix * ( mvPosition - vec4( 0.0, 0.0, ${cutDepth}, 0.0 ) );
       cutDepth = behind.z / behind.w * 0.5 + 0.5;`,
    );
    shader.fragmentShader = `varying float cutDepth;\n${shader.fragmentShader}`.replace(
      '#include <dithering_fragment>',
      '#include <dithering_fragment>\ngl_FragDepth = cutDepth;',
    );
  };
  material.customProgramCacheKey = () => 'cut-through-skin';
}

/** A mesh that is visible only in the mouth's opening. */
function inside(geometry: ReturnType<SurfaceMesh['build']>, color: number): Mesh {
  const material = new MeshBasicMaterial({
    color,
    vertexColors: true,
    stencilWrite: true,
    stencilRef: mark,
    stencilFunc: EqualStencilFunc,
  });
  const mesh = new Mesh(geometry, material);
  mesh.renderOrder = 4;
  return mesh;
}

/** A row of teeth: a smooth arch, shaded towards its sides. */
function arch(width: number, height: number, columns: number) {
  return new SurfaceMesh()
    .add({
      columns,
      rows: 4,
      at(u, v, out) {
        const angle = (u - 0.5) * Math.PI;
        out.set(Math.sin(angle) * width, (v - 1) * height + 0.0035, Math.cos(angle) * width * 0.9 - width * 0.9);
      },
      color: (u, v, out) => out.setScalar(1 - 0.45 * Math.abs(u * 2 - 1) ** 2.2 - 0.06 * v),
    })
    .build();
}

function tongueGeometry(columns: number) {
  const back = new Color(0xa63c4c);
  const tip = new Color(0xee7f88);
  return new SurfaceMesh()
    .add({
      columns,
      rows: 10,
      at(u, v, out) {
        const angle = u * Math.PI * 2;
        const polar = v * Math.PI - Math.PI / 2;
        const radius = Math.cos(polar);
        out.set(Math.sin(angle) * radius * 0.0125, Math.sin(polar) * 0.0085, Math.cos(angle) * radius * 0.011);
      },
      color: (_u, v, out) => out.copy(back).lerp(tip, Math.min(1, v * 1.4)),
    })
    .build();
}
