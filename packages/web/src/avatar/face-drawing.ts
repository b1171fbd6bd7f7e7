// In: curves on the face in metres. Out: meshes that lie on the skin and follow each movement of
// the face. Eyes, brows, lips and blush are drawn this way, without textures, so they are sharp at
// any size.
import {
  AlwaysStencilFunc,
  BufferGeometry,
  Color,
  DoubleSide,
  DynamicDrawUsage,
  EqualStencilFunc,
  Float32BufferAttribute,
  Mesh,
  MeshBasicMaterial,
  ReplaceStencilOp,
  Vector2,
  type Vector3,
} from 'three';

/** How a drawing is layered and masked. */
interface DrawingOptions {
  columns: number;
  rows: number;
  /** A higher order is drawn over a lower one. */
  order: number;
  /** One colour, or the colour at (u, v) in [0, 1]². */
  color: Color | ((u: number, v: number, out: Color) => void);
  /** At (u, v), 0 to 1. Default: opaque. */
  opacity?: (u: number, v: number) => number;
  /** Marks its area with this number, so that other drawings can stay within it. */
  marks?: number;
  /** Is drawn only in the area with this mark. */
  within?: number;
  /**
   * Is visible through parts that are less than this far in front of it, metres: brows through a
   * fringe.
   */
  seenThrough?: number;
}

/** A grid of (columns + 1) x (rows + 1) points on the face. */
export class FaceDrawing {
  readonly mesh: Mesh<BufferGeometry, MeshBasicMaterial>;
  readonly #columns: number;
  readonly #rows: number;
  readonly #positions: Float32BufferAttribute;

  constructor(options: DrawingOptions) {
    const { columns, rows } = options;
    this.#columns = columns;
    this.#rows = rows;
    const geometry = new BufferGeometry();
    this.#positions = new Float32BufferAttribute(new Float32Array((columns + 1) * (rows + 1) * 3), 3);
    this.#positions.setUsage(DynamicDrawUsage);
    geometry.setAttribute('position', this.#positions);
    const colors: number[] = [];
    const color = new Color();
    for (let row = 0; row <= rows; row++) {
      for (let column = 0; column <= columns; column++) {
        const [u, v] = [column / columns, row / rows];
        if (options.color instanceof Color) color.copy(options.color);
        else options.color(u, v, color);
        colors.push(color.r, color.g, color.b, options.opacity?.(u, v) ?? 1);
      }
    }
    geometry.setAttribute('color', new Float32BufferAttribute(colors, 4));
    const indices: number[] = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const a = row * (columns + 1) + column;
        const b = a + columns + 1;
        indices.push(a, a + 1, b, b, a + 1, b + 1);
      }
    }
    geometry.setIndex(indices);
    this.mesh = new Mesh(geometry, material(options));
    this.mesh.renderOrder = options.order;
    // It moves with the skin, so a bounding sphere would have to be computed for each change.
    this.mesh.frustumCulled = false;
  }

  /** Sets the point of each (u, v) with `place`. */
  shape(place: (u: number, v: number, out: Vector3) => void, scratch: Vector3): void {
    let index = 0;
    for (let row = 0; row <= this.#rows; row++) {
      for (let column = 0; column <= this.#columns; column++) {
        place(column / this.#columns, row / this.#rows, scratch);
        this.#positions.setXYZ(index++, scratch.x, scratch.y, scratch.z);
      }
    }
    this.#positions.needsUpdate = true;
  }

  /**
   * Draws a line: `curve` gives its middle at t in [0, 1], `width` its whole width there; `lay`
   * puts (x, y) onto the skin.
   */
  stroke(
    curve: (t: number, out: Vector2) => Vector2,
    width: (t: number) => number,
    lay: (x: number, y: number, out: Vector3) => void,
    scratch: Vector3,
  ): void {
    this.shape((u, v, out) => {
      curve(u, middle);
      curve(Math.max(0, u - 0.01), before);
      curve(Math.min(1, u + 0.01), after).sub(before);
      const length = after.length() || 1;
      const offset = (v - 0.5) * width(u);
      lay(middle.x - (after.y / length) * offset, middle.y + (after.x / length) * offset, out);
    }, scratch);
  }
}

const middle = new Vector2();
const before = new Vector2();
const after = new Vector2();

function material(options: DrawingOptions): MeshBasicMaterial {
  const opaque = options.opacity === undefined;
  const result = new MeshBasicMaterial({ vertexColors: true, side: DoubleSide, transparent: !opaque, depthWrite: opaque });
  result.polygonOffset = true;
  result.polygonOffsetFactor = -1 - options.order * 0.2;
  result.polygonOffsetUnits = -options.order * 4;
  if (options.marks !== undefined || options.within !== undefined) {
    result.stencilWrite = true;
    result.stencilRef = options.marks ?? options.within ?? 0;
    result.stencilFunc = options.marks === undefined ? EqualStencilFunc : AlwaysStencilFunc;
    if (options.marks !== undefined) result.stencilZPass = ReplaceStencilOp;
  }
  const { seenThrough } = options;
  if (seenThrough !== undefined) {
    result.onBeforeCompile = (shader) => {
      shader.vertexShader = shader.vertexShader.replace(
        '#include <project_vertex>',
        `#include <project_vertex>
         vec4 nearer = projectionMatrix * ( mvPosition + vec4( 0.0, 0.0, ${seenThrough.toFixed(4)}, 0.0 ) );
         gl_Position.z = nearer.z / nearer.w * gl_Position.w;`,
      );
    };
    result.customProgramCacheKey = () => `seen-through-${seenThrough}`;
  }
  return result;
}
