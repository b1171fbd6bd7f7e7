// Vectors for the shapes of the face: the names that ARKit, MediaPipe and VRM avatars give to the
// shapes of the wire. docs/client/ explains them.
import { type ShapeName, Shapes } from '../../src/index.ts';

/**
 * Categories of MediaPipe's Face Landmarker, in its order. It has `_neutral` but no `tongueOut`.
 */
const mediaPipe: readonly string[] = ['_neutral', ...Shapes.filter((shape) => shape !== 'tongueOut').sort()];

/**
 * The string of ARKit's `BlendShapeLocation`: a side is `_L` or `_R`, but a movement to a side is
 * spelled out.
 */
const arkitValue = (shape: ShapeName): string =>
  /^(jaw|mouth)(Left|Right)$/.test(shape) ? shape : shape.replace(/(Left|Right)$/, (side) => `_${side[0]}`);

/** spec/vectors/face-shape.json. */
export const faceShape = {
  about: "The shapes of the wire: ARKit's string, MediaPipe's category index (null: it has none), and the expression of VRM avatars.",
  mediaPipe,
  shapes: Shapes.map((shape, index) => ({
    index,
    shape,
    arkit: arkitValue(shape),
    mediaPipe: mediaPipe.includes(shape) ? mediaPipe.indexOf(shape) : null,
    expression: (shape[0] ?? '').toUpperCase() + shape.slice(1),
  })),
};
