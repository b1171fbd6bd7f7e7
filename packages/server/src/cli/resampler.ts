// Sound at any rate in, at 48 kHz out, sample by sample and in any order: a sinc kernel under a Blackman window, its cutoff
// below both rates' half, so that nothing aliases. Kernels are kept by phase: 160 of them for 44.1 kHz.

/** Zero crossings of the kernel on each side. */
const HALF_WIDTH = 24;
const OUT_RATE = 48_000;
/** The transition band lies below half the lower rate. */
const CUTOFF = 0.95;

/** Reads `sample(index)` of a source at `sampleRate` Hz as if it were at 48 kHz. */
export class Resampler {
  readonly #sampleRate: number;
  readonly #kernels = new Map<number, Float32Array>();
  /** Source samples on each side that an output sample is made of. */
  readonly #reach: number;
  readonly #scale: number;

  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate;
    this.#scale = CUTOFF * Math.min(1, OUT_RATE / sampleRate);
    this.#reach = Math.ceil(HALF_WIDTH / this.#scale);
  }

  /** 48 kHz samples that `length` samples of the source last. */
  outputLength(length: number): number {
    return Math.ceil((length * OUT_RATE) / this.#sampleRate);
  }

  /** The 48 kHz sample `n`; `sample` must give 0 outside the source. */
  at(n: number, sample: (index: number) => number): number {
    if (this.#sampleRate === OUT_RATE) return sample(n);
    const place = n * this.#sampleRate;
    const index = Math.floor(place / OUT_RATE);
    const kernel = this.#kernel(place % OUT_RATE);
    let sum = 0;
    for (let k = 0; k < kernel.length; k++) sum += (kernel[k] ?? 0) * sample(index + k - this.#reach + 1);
    return sum;
  }

  /** `phase` / 48000 is how far behind the source sample the output lies. */
  #kernel(phase: number): Float32Array {
    const known = this.#kernels.get(phase);
    if (known !== undefined) return known;
    const kernel = new Float32Array(2 * this.#reach);
    let sum = 0;
    for (let k = 0; k < kernel.length; k++) {
      const x = (k - this.#reach + 1 - phase / OUT_RATE) * this.#scale;
      const w = x / HALF_WIDTH;
      const window = Math.abs(w) < 1 ? 0.42 + 0.5 * Math.cos(Math.PI * w) + 0.08 * Math.cos(2 * Math.PI * w) : 0;
      const value = window * (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
      kernel[k] = value;
      sum += value;
    }
    for (let k = 0; k < kernel.length; k++) kernel[k] = (kernel[k] ?? 0) / sum;
    this.#kernels.set(phase, kernel);
    return kernel;
  }
}
