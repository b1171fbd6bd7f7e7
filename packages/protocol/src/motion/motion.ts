// Converts poses to Motion payloads and back (payload.proto). A pose is quantised first, and both
// key and delta are made from the quantised form. A delta over its key therefore gives exactly the
// quantised pose, whichever deltas were lost in between.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Motion, MotionSchema } from '../gen/hayate/v1/payload_pb.ts';
import { WireError } from '../wire-error.ts';
import { Bones } from './bone.ts';
import { createPose, type Pose } from './pose.ts';
import { ROTATION_BYTES, readRotation, writeRotation } from './rotation.ts';
import { Shapes } from './shape.ts';

/** A pose in wire precision. */
export interface QuantisedPose {
  /** 1/10 millimetre: x, y, z. */
  hips: Int32Array;
  /** 55 x 6 bytes. */
  rotations: Uint8Array;
  /** 52 weights, 0-255. */
  shapes: Uint8Array;
}

const HIPS_STEPS_PER_METRE = 10_000;
const HIPS_MAX = 1_000 * HIPS_STEPS_PER_METRE;
const rest = quantisePose(createPose());

/**
 * Quantises a pose. Largest errors: rotations 0.0086 degrees, shapes 1/510, hips 0.05 mm (within
 * +-1 km of rest), before Pose's own Float32 rounding. Values out of range are clamped. A value
 * that is not a number becomes 0, or the identity of its bone.
 */
export function quantisePose(pose: Pose): QuantisedPose {
  const rotations = new Uint8Array(Bones.length * ROTATION_BYTES);
  for (let bone = 0; bone < Bones.length; bone++) writeRotation(pose.rotations, bone * 4, rotations, bone * ROTATION_BYTES);
  const clamped = (value: number, low: number, high: number) => (Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : 0);
  return {
    hips: Int32Array.from(pose.hips, (metres) => Math.round(clamped(metres * HIPS_STEPS_PER_METRE, -HIPS_MAX, HIPS_MAX))),
    rotations,
    shapes: Uint8Array.from(pose.shapes, (weight) => Math.round(clamped(weight, 0, 1) * 255)),
  };
}

/** The payload of a key pose. */
export function encodeMotionKey(pose: QuantisedPose): Uint8Array {
  return encodeDifference(pose, rest);
}

/** The payload of a delta: the differences from `key`. */
export function encodeMotionDelta(pose: QuantisedPose, key: QuantisedPose): Uint8Array {
  return encodeDifference(pose, key);
}

/**
 * Reads a Motion payload over its key (undefined for a key payload). Throws WireError if the
 * payload is not a Motion message or if masks and values disagree. Ignores bones and shapes beyond
 * the known ones.
 */
export function decodeMotion(payload: Uint8Array, key?: QuantisedPose): { quantised: QuantisedPose; pose: Pose } {
  const motion = parse(payload);
  const base = key ?? rest;
  const quantised: QuantisedPose = { hips: base.hips.slice(), rotations: base.rotations.slice(), shapes: base.shapes.slice() };
  overlay(motion.boneMask, motion.rotations, ROTATION_BYTES, quantised.rotations);
  overlay(motion.shapeMask, motion.shapes, 1, quantised.shapes);
  if (motion.hips.length === 3) quantised.hips.set(motion.hips);
  else if (motion.hips.length !== 0) throw new WireError('a hips translation does not have three components');
  return { quantised, pose: restore(quantised) };
}

function restore(quantised: QuantisedPose): Pose {
  const pose = createPose();
  for (let bone = 0; bone < Bones.length; bone++) readRotation(quantised.rotations, bone * ROTATION_BYTES, pose.rotations, bone * 4);
  for (let i = 0; i < 3; i++) pose.hips[i] = (quantised.hips[i] ?? 0) / HIPS_STEPS_PER_METRE;
  for (let i = 0; i < Shapes.length; i++) pose.shapes[i] = (quantised.shapes[i] ?? 0) / 255;
  return pose;
}

function parse(payload: Uint8Array): Motion {
  try {
    return fromBinary(MotionSchema, payload);
  } catch (cause) {
    throw new WireError('the payload is not a Motion message', { cause });
  }
}

function encodeDifference(pose: QuantisedPose, base: QuantisedPose): Uint8Array {
  const [boneMask, rotations] = difference(pose.rotations, base.rotations, ROTATION_BYTES);
  const [shapeMask, shapes] = difference(pose.shapes, base.shapes, 1);
  const hips = pose.hips.some((value, i) => value !== base.hips[i]) ? [...pose.hips] : [];
  return toBinary(MotionSchema, create(MotionSchema, { boneMask, rotations, shapeMask, shapes, hips }));
}

/**
 * Finds the elements (of `width` bytes) in which `values` and `base` differ. Returns their mask,
 * without trailing zero bytes, and their bytes.
 */
function difference(values: Uint8Array, base: Uint8Array, width: number): [mask: Uint8Array, bytes: Uint8Array] {
  const mask = new Uint8Array(Math.ceil(values.length / width / 8));
  const bytes = new Uint8Array(values.length);
  let size = 0;
  let maskSize = 0;
  for (let i = 0; i * width < values.length; i++) {
    const element = values.subarray(i * width, (i + 1) * width);
    if (element.every((byte, j) => byte === base[i * width + j])) continue;
    mask[i >> 3] = (mask[i >> 3] ?? 0) | (1 << (i & 7));
    maskSize = (i >> 3) + 1;
    bytes.set(element, size);
    size += width;
  }
  return [mask.subarray(0, maskSize), bytes.subarray(0, size)];
}

function overlay(mask: Uint8Array, bytes: Uint8Array, width: number, into: Uint8Array): void {
  let at = 0;
  for (let i = 0; i < mask.length * 8; i++) {
    if (((mask[i >> 3] ?? 0) & (1 << (i & 7))) === 0) continue;
    if (at + width > bytes.length) throw new WireError('a mask names more elements than there are values');
    if ((i + 1) * width <= into.length) into.set(bytes.subarray(at, at + width), i * width);
    at += width;
  }
  if (at !== bytes.length) throw new WireError('there are more values than a mask names');
}
