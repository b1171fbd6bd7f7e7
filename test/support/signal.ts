// Compares sounds. In: samples. Out: where one lies in the other, and how well it matches.
// Correlation uses an FFT, so that a minute is searched in a moment; its values are exact (a
// property test compares them with the plain sum).

/** A power of two at or above `length`. */
const sizeFor = (length: number): number => 2 ** Math.ceil(Math.log2(Math.max(2, length)));

/**
 * Transforms `re` + i `im` in place: X[k] = sum over n of x[n] e^(-2 pi i k n / N), without
 * scaling. The length must be a power of two. The inverse is `fft(im, re)`, divided by N
 * (exchanging the parts conjugates before and after).
 */
export function fft(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  if (size !== im.length || size < 1 || (size & (size - 1)) !== 0) throw new RangeError(`no FFT of ${size} and ${im.length} values`);
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j] ?? 0, re[i] ?? 0];
    [im[i], im[j]] = [im[j] ?? 0, im[i] ?? 0];
  }
  for (let length = 2; length <= size; length *= 2) {
    const half = length / 2;
    const cosines = Float64Array.from({ length: half }, (_, k) => Math.cos((-2 * Math.PI * k) / length));
    const sines = Float64Array.from({ length: half }, (_, k) => Math.sin((-2 * Math.PI * k) / length));
    for (let start = 0; start < size; start += length) {
      for (let k = 0; k < half; k++) {
        const [low, high] = [start + k, start + k + half];
        const [c, s] = [cosines[k] ?? 0, sines[k] ?? 0];
        const [highRe, highIm] = [re[high] ?? 0, im[high] ?? 0];
        const [turnedRe, turnedIm] = [highRe * c - highIm * s, highRe * s + highIm * c];
        const [lowRe, lowIm] = [re[low] ?? 0, im[low] ?? 0];
        re[low] = lowRe + turnedRe;
        im[low] = lowIm + turnedIm;
        re[high] = lowRe - turnedRe;
        im[high] = lowIm - turnedIm;
      }
    }
  }
}

/**
 * sum over i of pattern[i] * signal[at + i], for every `at` at which the pattern lies wholly in the
 * signal.
 */
export function correlate(pattern: Float32Array, signal: Float32Array): Float64Array {
  const places = signal.length - pattern.length + 1;
  if (pattern.length === 0 || places <= 0) return new Float64Array();
  const size = sizeFor(signal.length);
  // One transform for both: the signal is the real part, the pattern the imaginary part, and
  // symmetry separates them.
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  re.set(signal);
  im.set(pattern);
  fft(re, im);
  const productRe = new Float64Array(size);
  const productIm = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    const mirror = (size - k) & (size - 1);
    const [a, b, c, d] = [re[k] ?? 0, im[k] ?? 0, re[mirror] ?? 0, im[mirror] ?? 0];
    const [signalRe, signalIm] = [(a + c) / 2, (b - d) / 2];
    const [patternRe, patternIm] = [(b + d) / 2, (c - a) / 2];
    productRe[k] = signalRe * patternRe + signalIm * patternIm;
    productIm[k] = signalIm * patternRe - signalRe * patternIm;
  }
  fft(productIm, productRe);
  return productRe.subarray(0, places).map((value) => value / size);
}

/** The place where a pattern lies in a signal, and the likeness there. */
export interface Match {
  /** Index in the signal of the pattern's first sample. */
  at: number;
  /**
   * Normalised cross-correlation (the cosine of both as vectors), -1 to 1; 1 is the same up to
   * loudness.
   */
  likeness: number;
}

/**
 * The place where `pattern` and `signal` are most alike; undefined if the signal is shorter or one
 * of them is silent.
 */
export function findMatch(pattern: Float32Array, signal: Float32Array): Match | undefined {
  const products = correlate(pattern, signal);
  const patternEnergy = energy(pattern);
  if (patternEnergy === 0) return undefined;
  // Energies of all stretches of the pattern's length, from running sums.
  const sums = new Float64Array(signal.length + 1);
  for (let i = 0; i < signal.length; i++) sums[i + 1] = (sums[i] ?? 0) + (signal[i] ?? 0) ** 2;
  // Silence matches nothing: below a millionth of the pattern's energy, likeness would only measure
  // rounding errors.
  const energyMin = patternEnergy * 1e-6;
  let best: Match | undefined;
  for (let at = 0; at < products.length; at++) {
    const here = (sums[at + pattern.length] ?? 0) - (sums[at] ?? 0);
    if (here <= energyMin) continue;
    const likeness = (products[at] ?? 0) / Math.sqrt(here * patternEnergy);
    if (best === undefined || likeness > best.likeness) best = { at, likeness };
  }
  return best;
}

function energy(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum;
}

/** Root mean square of a stretch; any part outside the samples counts as silence. */
export function rootMeanSquare(samples: Float32Array, start = 0, end = samples.length): number {
  if (end <= start) return 0;
  return Math.sqrt(energy(samples.subarray(Math.max(0, start), Math.max(0, end))) / (end - start));
}

/**
 * Reduces the sample rate by `factor` and keeps frequencies below 0.8 of the new half rate. The
 * filter is a sinc under a Blackman window, centred, so that output sample i lies exactly at input
 * sample i * factor.
 */
export function decimate(samples: Float32Array, factor: number): Float32Array {
  const reach = 12 * factor;
  const cutoff = 0.8 / factor;
  const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => {
    const x = i - reach;
    const sinc = x === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x);
    const turn = (Math.PI * (i + 1)) / (reach + 1);
    return sinc * (0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn));
  });
  const out = new Float32Array(Math.floor(samples.length / factor));
  for (let i = 0; i < out.length; i++) {
    const start = i * factor - reach;
    let sum = 0;
    for (let tap = Math.max(0, -start); tap < taps.length && start + tap < samples.length; tap++)
      sum += (taps[tap] ?? 0) * (samples[start + tap] ?? 0);
    out[i] = sum;
  }
  return out;
}
