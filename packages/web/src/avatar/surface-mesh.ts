// In: parametric surfaces. Out: one indexed geometry. Every solid part of the avatar is a grid over
// (u, v) in [0, 1]². Normals are differentiated from the surface itself, so seams and poles shade
// smoothly at any number of segments.
import { BufferGeometry, Color, Float32BufferAttribute, Uint16BufferAttribute, Vector3 } from 'three';

/**
 * One grid. On a front face u increases to the right and v upwards; `flip` turns the faces around.
 */
interface Surface {
  columns: number;
  rows: number;
  /** Writes the point at (u, v) into `out`, metres. */
  at(u: number, v: number, out: Vector3): void;
  /** Overrides the normal at (u, v); it need not be of unit length. */
  normal?(u: number, v: number, out: Vector3): void;
  /** Vertex colour; white if absent. */
  color?: Color | ((u: number, v: number, out: Color) => void);
  /** How freely the vertex sways, 0 to 1; 0 if absent. */
  sway?(u: number, v: number): number;
  /** Bone indices and weights of a skinned mesh, at most two bones. */
  skin?(u: number, v: number, point: Vector3): readonly [bone: number, weight: number, other?: number];
  flip?: boolean;
}

const step = 1e-3;

/** Collects surfaces into one BufferGeometry. */
export class SurfaceMesh {
  readonly #positions: number[] = [];
  readonly #normals: number[] = [];
  readonly #colors: number[] = [];
  readonly #sways: number[] = [];
  readonly #skinIndices: number[] = [];
  readonly #skinWeights: number[] = [];
  readonly #indices: number[] = [];

  /** Adds one surface. */
  add(surface: Surface): this {
    const first = this.#positions.length / 3;
    const { columns, rows } = surface;
    for (let row = 0; row <= rows; row++)
      for (let column = 0; column <= columns; column++) this.#vertex(surface, column / columns, row / rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const a = first + row * (columns + 1) + column;
        const b = a + columns + 1;
        if (surface.flip === true) this.#indices.push(a, b, a + 1, b, b + 1, a + 1);
        else this.#indices.push(a, a + 1, b, b, a + 1, b + 1);
      }
    }
    return this;
  }

  /**
   * The geometry: position, normal, color, sway, and skinIndex and skinWeight if any surface had
   * `skin`.
   */
  build(): BufferGeometry {
    const geometry = new BufferGeometry();
    geometry.setAttribute('position', new Float32BufferAttribute(this.#positions, 3));
    geometry.setAttribute('normal', new Float32BufferAttribute(this.#normals, 3));
    geometry.setAttribute('color', new Float32BufferAttribute(this.#colors, 3));
    geometry.setAttribute('sway', new Float32BufferAttribute(this.#sways, 1));
    if (this.#skinIndices.length > 0) {
      geometry.setAttribute('skinIndex', new Uint16BufferAttribute(this.#skinIndices, 4));
      geometry.setAttribute('skinWeight', new Float32BufferAttribute(this.#skinWeights, 4));
    }
    geometry.setIndex(this.#indices);
    return geometry;
  }

  #vertex(surface: Surface, u: number, v: number): void {
    surface.at(u, v, point);
    this.#positions.push(point.x, point.y, point.z);
    if (surface.normal) surface.normal(u, v, normal);
    else differentiate(surface, u, v);
    normal.normalize();
    this.#normals.push(normal.x, normal.y, normal.z);
    if (surface.color === undefined) color.set(0xffffff);
    else if (surface.color instanceof Color) color.copy(surface.color);
    else surface.color(u, v, color);
    this.#colors.push(color.r, color.g, color.b);
    this.#sways.push(surface.sway?.(u, v) ?? 0);
    if (surface.skin) {
      const [bone, weight, other = bone] = surface.skin(u, v, point);
      this.#skinIndices.push(bone, other, 0, 0);
      this.#skinWeights.push(weight, 1 - weight, 0, 0);
    }
  }
}

const point = new Vector3();
const normal = new Vector3();
const color = new Color();
const low = new Vector3();
const high = new Vector3();
const alongU = new Vector3();

/**
 * The normal as the cross product of central differences; moved slightly off a pole, where one of
 * them vanishes.
 */
function differentiate(surface: Surface, u: number, v: number): void {
  for (const nudge of [0, 0.01]) {
    const centre = v < 0.5 ? v + nudge : v - nudge;
    surface.at(u - step, centre, low);
    surface.at(u + step, centre, high);
    alongU.subVectors(high, low);
    surface.at(u, Math.max(0, centre - step), low);
    surface.at(u, Math.min(1, centre + step), high);
    normal.crossVectors(alongU, high.sub(low));
    if (surface.flip === true) normal.negate();
    if (normal.lengthSq() > 1e-14) return;
  }
}
