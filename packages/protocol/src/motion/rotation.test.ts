// Rotations in 6 bytes: no error exceeds the stated one, rest poses are exact, and any input and
// any bytes are safe.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ROTATION_BYTES, readRotation, writeRotation } from './rotation.ts';

/** Largest rotation error in degrees, from the step's half width (see rotation.ts). */
const ERROR_DEGREES = (2 * Math.sqrt(12) * (Math.SQRT1_2 / 16_383 / 2) * 180) / Math.PI;

function write(q: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ROTATION_BYTES);
  writeRotation(Float32Array.from(q), 0, bytes, 0);
  return bytes;
}
function read(bytes: Uint8Array): number[] {
  const q = new Float32Array(4);
  readRotation(bytes, 0, q, 0);
  return [...q];
}
/**
 * Degrees between the rotations of two quaternions, which are normalised first. Exact for small
 * angles too.
 */
function degreesBetween(a: readonly number[], b: readonly number[]): number {
  const unit = (q: readonly number[]) => q.map((value) => value / Math.hypot(...q));
  const [u, v] = [unit(a), unit(b)];
  const distance = (sign: number) => Math.hypot(...u.map((value, i) => value - sign * (v[i] ?? 0)));
  return (4 * Math.asin(Math.min(distance(1), distance(-1)) / 2) * 180) / Math.PI;
}
const component = fc.double({ min: -1, max: 1, noNaN: true });
const quaternions = fc.tuple(component, component, component, component).filter((q) => Math.hypot(...q) > 0.01);
const norm = (q: readonly number[]) => Math.hypot(...q);

test('no rotation errs by more than 0.0086 degrees', () => {
  assert.ok(ERROR_DEGREES < 0.0086);
  fc.assert(
    fc.property(quaternions, (q) => {
      const given = [...Float32Array.from(q)];
      assert.ok(degreesBetween(read(write(given)), given) <= 0.0086);
    }),
    { numRuns: 5_000 },
  );
});

test('the stated maximum error is tight: near (1/2, 1/2, 1/2, 1/2) the actual error comes within 2 % of it', () => {
  // Three components half a step off their grid, all in the same direction. The fourth completes
  // the unit length.
  const step = Math.SQRT1_2 / 16_383;
  let worst = 0;
  for (let n = 11_550; n < 11_585; n++) {
    const value = (n - 0.499) * step;
    const given = [...Float32Array.from([value, value, value, Math.sqrt(1 - 3 * value * value)])];
    worst = Math.max(worst, degreesBetween(read(write(given)), given));
  }
  assert.ok(worst > 0.98 * ERROR_DEGREES && worst <= 0.0086, `${worst} degrees`);
});

test('a rotation that is read has unit length, and gives the same bytes when it is written again', () => {
  fc.assert(
    fc.property(quaternions, (q) => {
      const bytes = write(q);
      const given = read(bytes);
      assert.ok(Math.abs(norm(given) - 1) < 1e-6);
      assert.ok(degreesBetween(read(write(given)), given) < 0.0086);
    }),
  );
});

test('quarter turns about an axis and the identity are exact', () => {
  for (let i = 0; i < 4; i++)
    for (const sign of [1, -1]) {
      const q = [0, 0, 0, 0];
      q[i] = sign;
      assert.deepEqual(
        read(write(q)).map((value) => value + 0),
        q.map((value) => Math.abs(value)),
      );
    }
});

test('q and -q, and any length, give the same rotation', () => {
  fc.assert(
    fc.property(quaternions, fc.constantFrom(-1, 0.5, -2, 1_000), (q, factor) => {
      const scaled = q.map((value) => value * factor);
      assert.ok(degreesBetween(read(write(scaled)), [...Float32Array.from(q)]) <= 0.0087);
    }),
  );
});

test('zero and values that are not finite become the identity', () => {
  const identity = write([0, 0, 0, 1]);
  const bad = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
  assert.deepEqual(write([0, 0, 0, 0]), identity);
  assert.deepEqual(write([1e-30, 0, 0, 0]), identity);
  fc.assert(
    fc.property(quaternions, bad, fc.nat(3), (q, value, i) => {
      const broken = [...q];
      broken[i] = value;
      assert.deepEqual(write(broken), identity);
    }),
  );
  const huge = write([3e38, 3e38, 3e38, 3e38]);
  assert.ok(degreesBetween(read(huge), [1, 1, 1, 1]) <= 0.0086);
});

test('any 6 bytes are a unit quaternion', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      assert.ok(Math.abs(norm(read(bytes)) - 1) < 1e-6);
    }),
    { numRuns: 2_000 },
  );
  for (const bytes of [Array(6).fill(0), Array(6).fill(255)]) assert.ok(Math.abs(norm(read(Uint8Array.from(bytes))) - 1) < 1e-6);
});

test('the highest bit, bit 47, is never set', () => {
  fc.assert(fc.property(quaternions, (q) => assert.ok((write(q)[5] ?? 255) < 128)));
});
