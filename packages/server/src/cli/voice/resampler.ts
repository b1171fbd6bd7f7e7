// Resamples interleaved sound from any rate to 48 kHz, block by block. Each output sample is the
// product of the samples around its position with a sinc kernel under a Blackman window. The
// kernel's cutoff is below half of both rates, so that nothing aliases. The output depends only on
// the samples, not on how they were cut into blocks. Kernels are kept by phase: 160 for 44.1 kHz.

const OUT_RATE = 48_000;
/** Zero crossings of the kernel on each side. */
const HALF_WIDTH = 24;
/** The transition band lies below half the lower rate. */
const CUTOFF = 0.95;
/**
 * Phases that are kept. A rate with more phases (44,057 Hz has 48,000) interpolates between the
 * nearest two; at 1,024 the error of that is below -110 dB.
 */
const PHASES_MAX = 1_024;

/** Resamples sound of 1 or 2 channels to 48 kHz. */
export class Resampler {
  readonly #channels: number;
  readonly #sampleRate: number;
  readonly #bank: KernelBank | undefined;
  /** Source samples by channel. The first one belongs to the kernel of the next output sample. */
  readonly #history: Float32Array[];
  #held: number;
  /**
   * Source samples that must still arrive, in addition to the kernel's own, before the next output
   * sample.
   */
  #skip = 0;
  /** The next output sample lies `#phase` / 48000 source samples after a source sample. */
  #phase = 0;
  /** Source samples pushed, minus the index of the one at or before the next output sample. */
  #lead = 0;

  /** `sampleRate` is the source's, in Hz. */
  constructor({ sampleRate, channels }: { readonly sampleRate: number; readonly channels: number }) {
    this.#sampleRate = sampleRate;
    this.#channels = channels;
    this.#bank = sampleRate === OUT_RATE ? undefined : new KernelBank(sampleRate);
    // There is silence before the first sample.
    this.#held = this.#bank === undefined ? 0 : this.#bank.reach - 1;
    this.#history = Array.from({ length: channels }, () => new Float32Array(this.#held));
  }

  /** The number of 48 kHz samples that `length` samples of one channel become. */
  outputLength(length: number): number {
    return Math.ceil((length * OUT_RATE) / this.#sampleRate);
  }

  /** Takes interleaved samples; returns the output samples, interleaved, that they complete. */
  push(block: Float32Array): Float32Array {
    if (this.#bank === undefined) return block;
    const length = block.length / this.#channels;
    this.#lead += length;
    this.#append(length, (channel, i) => block[i * this.#channels + channel] ?? 0);
    return this.#produce(this.#bank, Number.POSITIVE_INFINITY);
  }

  /**
   * Returns the remaining samples after the source has ended. In total, `outputLength` samples of
   * each channel are returned.
   */
  end(): Float32Array {
    if (this.#bank === undefined) return new Float32Array(0);
    const due = Math.max(0, Math.ceil((this.#lead * OUT_RATE - this.#phase) / this.#sampleRate));
    this.#append(this.#bank.reach + 1, () => 0);
    return this.#produce(this.#bank, due);
  }

  #append(length: number, sample: (channel: number, index: number) => number): void {
    const skipped = Math.min(this.#skip, length);
    this.#skip -= skipped;
    for (const [channel, held] of this.#history.entries()) {
      const grown = new Float32Array(this.#held + length - skipped);
      grown.set(held.subarray(0, this.#held));
      for (let i = skipped; i < length; i++) grown[this.#held + i - skipped] = sample(channel, i);
      this.#history[channel] = grown;
    }
    this.#held += length - skipped;
  }

  #produce({ width, kernel }: KernelBank, limit: number): Float32Array {
    const places: { at: number; phase: number }[] = [];
    let at = 0;
    for (; places.length < limit && at + width <= this.#held; ) {
      places.push({ at, phase: this.#phase });
      this.#phase += this.#sampleRate;
      const step = Math.floor(this.#phase / OUT_RATE);
      this.#phase -= step * OUT_RATE;
      at += step;
    }
    const out = new Float32Array(places.length * this.#channels);
    for (const [n, place] of places.entries()) {
      const weights = kernel(place.phase);
      for (const [channel, samples] of this.#history.entries()) {
        let sum = 0;
        for (let k = 0; k < width; k++) sum += (weights[k] ?? 0) * (samples[place.at + k] ?? 0);
        out[n * this.#channels + channel] = sum;
      }
    }
    this.#lead -= at;
    this.#forget(at);
    return out;
  }

  /** Drops the first `count` samples, some of which may not have arrived yet. */
  #forget(count: number): void {
    const dropped = Math.min(count, this.#held);
    this.#skip += count - dropped;
    this.#held -= dropped;
    for (const [channel, held] of this.#history.entries()) this.#history[channel] = held.slice(dropped, dropped + this.#held);
  }
}

/** The kernels of one source rate. */
class KernelBank {
  /** Source samples on each side that contribute to an output sample. */
  readonly reach: number;
  /** Source samples that contribute to an output sample. */
  readonly width: number;
  readonly #scale: number;
  readonly #isExact: boolean;
  readonly #kept = new Map<number, Float32Array>();

  constructor(sampleRate: number) {
    this.#scale = CUTOFF * Math.min(1, OUT_RATE / sampleRate);
    this.reach = Math.ceil(HALF_WIDTH / this.#scale);
    this.width = 2 * this.reach;
    this.#isExact = OUT_RATE / greatestCommonDivisor(sampleRate, OUT_RATE) <= PHASES_MAX;
  }

  /**
   * Returns the weights for an output sample `phase` / 48000 after the source sample at index
   * `reach` - 1.
   */
  readonly kernel = (phase: number): Float32Array => {
    if (this.#isExact) return this.#at(phase, OUT_RATE);
    const place = (phase / OUT_RATE) * PHASES_MAX;
    const before = Math.floor(place);
    const [a, b, share] = [this.#at(before, PHASES_MAX), this.#at(before + 1, PHASES_MAX), place - before];
    return a.map((weight, k) => weight + share * ((b[k] ?? 0) - weight));
  };

  #at(phase: number, phases: number): Float32Array {
    const known = this.#kept.get(phase);
    if (known !== undefined) return known;
    const kernel = Float32Array.from({ length: this.width }, (_, k) => this.#weight(k - this.reach + 1 - phase / phases));
    const sum = kernel.reduce((total, weight) => total + weight, 0);
    const normal = kernel.map((weight) => weight / sum);
    this.#kept.set(phase, normal);
    return normal;
  }

  #weight(offset: number): number {
    const x = offset * this.#scale;
    const w = x / HALF_WIDTH;
    if (Math.abs(w) >= 1) return 0;
    const window = 0.42 + 0.5 * Math.cos(Math.PI * w) + 0.08 * Math.cos(2 * Math.PI * w);
    return window * (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
