// Random values for any moment. A seed and a place always give the same number, so the values need
// no state, and two processes with one seed move alike.

/** A number in [0, 1) from integers: the finaliser of MurmurHash3 over their mix. */
export function chance(seed: number, track: number, index: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(track + 0x7f4a7c15, 0xc2b2ae35) ^ Math.imul(index | 0, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 0x1_0000_0000;
}

/**
 * Smooth noise in [-1, 1]: a random value at each whole `x`, eased between (Perlin's quintic), so
 * speed is continuous.
 */
export function smoothNoise(seed: number, track: number, x: number): number {
  const index = Math.floor(x);
  return mix(chance(seed, track, index), chance(seed, track, index + 1), ease(x - index)) * 2 - 1;
}

/** From 0 to 1 over [0, 1], at rest at both ends: 6x^5 - 15x^4 + 10x^3. */
export function ease(x: number): number {
  const t = Math.min(1, Math.max(0, x));
  return t * t * t * (t * (t * 6 - 15) + 10);
}

/** `a` at 0, `b` at 1. */
export function mix(a: number, b: number, at: number): number {
  return a + (b - a) * at;
}
