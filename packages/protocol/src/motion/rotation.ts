// Unit quaternions in 6 bytes, "smallest three". The component of largest magnitude is left out;
// its sign is made positive first, as q and -q are the same rotation. Each of the others lies in
// [-1/sqrt(2), 1/sqrt(2)] and takes 15 bits.
//   bits 0-1: index of the omitted component (0 = x ... 3 = w); then 15 bits for each other
//   component in ascending index.
// A component's step is s = round(value * sqrt(2) * 16383) + 16383, so its largest error is e =
// 1/sqrt(2)/16383/2 = 2.16e-5. The rotation's largest error is 2 * sqrt(12) * e = 0.0086 degrees.
// It occurs near (1/2, 1/2, 1/2, 1/2), where the omitted component errs by 3e.

const STEPS = 32_766;
const RANGE = Math.SQRT1_2;

/** Bytes of one rotation. */
export const ROTATION_BYTES = 6;

/**
 * Writes the quaternion at `rotations[at..at+3]` to `bytes[to..to+5]`. A quaternion that is zero or
 * not finite is written as identity.
 */
export function writeRotation(rotations: Float32Array, at: number, bytes: Uint8Array, to: number): void {
  let q = [rotations[at] ?? 0, rotations[at + 1] ?? 0, rotations[at + 2] ?? 0, rotations[at + 3] ?? 0];
  const length = Math.hypot(...q);
  q = Number.isFinite(length) && length > 1e-6 ? q.map((value) => value / length) : [0, 0, 0, 1];
  let largest = 3;
  for (let i = 2; i >= 0; i--) if (Math.abs(q[i] ?? 0) > Math.abs(q[largest] ?? 0)) largest = i;
  const sign = (q[largest] ?? 0) < 0 ? -1 : 1;
  let word = largest;
  let scale = 4;
  for (let i = 0; i < 4; i++) {
    if (i === largest) continue;
    const step = Math.round((((q[i] ?? 0) * sign) / RANGE) * (STEPS / 2)) + STEPS / 2;
    word += Math.min(STEPS, Math.max(0, step)) * scale;
    scale *= 32_768;
  }
  for (let i = 0; i < ROTATION_BYTES; i++) {
    bytes[to + i] = word % 256;
    word = Math.floor(word / 256);
  }
}

/**
 * Reads `bytes[at..at+5]` into the unit quaternion `rotations[to..to+3]`. Any bytes give a unit
 * quaternion.
 */
export function readRotation(bytes: Uint8Array, at: number, rotations: Float32Array, to: number): void {
  let word = 0;
  for (let i = ROTATION_BYTES - 1; i >= 0; i--) word = word * 256 + (bytes[at + i] ?? 0);
  const largest = word % 4;
  word = Math.floor(word / 4);
  let squares = 0;
  for (let i = 0; i < 4; i++) {
    if (i === largest) continue;
    const step = Math.min(STEPS, word % 32_768);
    word = Math.floor(word / 32_768);
    const value = ((step - STEPS / 2) / (STEPS / 2)) * RANGE;
    squares += value * value;
    rotations[to + i] = value;
  }
  rotations[to + largest] = Math.sqrt(Math.max(0, 1 - squares));
  if (squares > 1) for (let i = 0; i < 4; i++) rotations[to + i] = (rotations[to + i] ?? 0) / Math.sqrt(squares);
}
