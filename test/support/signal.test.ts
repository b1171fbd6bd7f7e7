// Tests the signal measures against plain sums, and on sounds with a known answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { correlate, decimate, fft, findMatch, rootMeanSquare } from './signal.ts';

const value = fc.float({ min: -1, max: 1, noNaN: true });
const samples = (min: number, max: number) => fc.array(value, { minLength: min, maxLength: max }).map((list) => Float32Array.from(list));

/** Noise that is the same in each run. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

test('the FFT equals the transform by its definition', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), fc.integer(), (bits, seed) => {
      const size = 2 ** bits;
      const [x, y] = [Float64Array.from(noise(size, seed)), Float64Array.from(noise(size, seed + 1))];
      const [re, im] = [x.slice(), y.slice()];
      fft(re, im);
      for (let k = 0; k < size; k++) {
        let [sumRe, sumIm] = [0, 0];
        for (let n = 0; n < size; n++) {
          const turn = (-2 * Math.PI * k * n) / size;
          sumRe += (x[n] ?? 0) * Math.cos(turn) - (y[n] ?? 0) * Math.sin(turn);
          sumIm += (x[n] ?? 0) * Math.sin(turn) + (y[n] ?? 0) * Math.cos(turn);
        }
        assert.ok(Math.abs((re[k] ?? 0) - sumRe) < 1e-9 && Math.abs((im[k] ?? 0) - sumIm) < 1e-9);
      }
    }),
  );
  assert.throws(() => fft(new Float64Array(3), new Float64Array(3)), RangeError);
});

test('the correlation at every offset equals the plain sum of products', () => {
  fc.assert(
    fc.property(samples(1, 40), samples(1, 90), (pattern, signal) => {
      const products = correlate(pattern, signal);
      assert.equal(products.length, Math.max(0, signal.length - pattern.length + 1));
      products.forEach((product, at) => {
        const sum = pattern.reduce((total, sample, i) => total + sample * (signal[at + i] ?? 0), 0);
        assert.ok(Math.abs(product - sum) < 1e-6, `${product} at ${at}, not ${sum}`);
      });
    }),
  );
});

test('finds a quiet pattern in loud noise at its exact offset, with their similarity', () => {
  const pattern = noise(2_000, 1);
  const signal = noise(20_000, 2).map((sample) => 0.2 * sample);
  for (let i = 0; i < pattern.length; i++) signal[7_123 + i] = (signal[7_123 + i] ?? 0) + 0.4 * (pattern[i] ?? 0);
  const match = findMatch(pattern, signal);
  assert.equal(match?.at, 7_123);
  // The cosine between 0.4 p and 0.4 p + 0.2 n, for p and n of equal energy.
  assert.ok(Math.abs((match?.likeness ?? 0) - 1 / Math.sqrt(1.25)) < 0.03, `${match?.likeness}`);
});

test('a pattern that is absent is not found: not in other noise, with reversed sign or in silence', () => {
  const pattern = noise(4_000, 1);
  assert.ok((findMatch(pattern, noise(20_000, 5))?.likeness ?? 1) < 0.1);
  const turned = pattern.map((sample) => -sample);
  assert.equal(Math.round(findMatch(pattern, turned)?.likeness ?? 0), -1);
  assert.equal(findMatch(pattern, new Float32Array(9_000)), undefined);
  assert.equal(findMatch(new Float32Array(10), pattern), undefined);
  assert.equal(findMatch(pattern, pattern.subarray(1)), undefined);
});

test('a sound of any loudness matches itself best, at offset 0', () => {
  fc.assert(
    fc.property(samples(8, 60), fc.double({ min: 0.01, max: 100, noNaN: true }), (pattern, gain) => {
      fc.pre(rootMeanSquare(pattern) > 0.01);
      const match = findMatch(
        pattern,
        pattern.map((sample) => sample * gain),
      );
      assert.equal(match?.at, 0);
      assert.ok(Math.abs((match?.likeness ?? 0) - 1) < 1e-5);
    }),
  );
});

test('decimation keeps low tones and removes those that would alias', () => {
  const tone = (hz: number) => Float32Array.from({ length: 48_000 }, (_, i) => Math.sin((2 * Math.PI * hz * i) / 48_000));
  const low = decimate(tone(440), 6);
  assert.equal(low.length, 8_000);
  for (let i = 100; i < 7_900; i++) assert.ok(Math.abs((low[i] ?? 0) - Math.sin((2 * Math.PI * 440 * i) / 8_000)) < 2e-3, `sample ${i}`);
  assert.ok(rootMeanSquare(decimate(tone(5_200), 6), 100, 7_900) < 1e-3);
});

test('the root mean square of an interval counts samples outside the sound as silence', () => {
  const ones = new Float32Array(10).fill(1);
  assert.equal(rootMeanSquare(ones), 1);
  assert.equal(rootMeanSquare(ones, 5, 15), Math.SQRT1_2);
  assert.equal(rootMeanSquare(ones, -10, 10), Math.SQRT1_2);
  assert.equal(rootMeanSquare(ones, 20, 30), 0);
  assert.equal(rootMeanSquare(ones, 5, 5), 0);
});
