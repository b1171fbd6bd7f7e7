// The voice that was rendered last, for the concealment of missing voice: rendered samples in,
// repetitions of the last pitch period out. The text of this class is part of the audio worklet, so
// it must use nothing from outside itself.

/** The last rendered samples of each channel, at the device's rate. */
export class VoiceHistory {
  /** Samples that it holds: more than the longest concealment and the longest period together. */
  readonly #size = 8_192;
  /** The longest pitch period, samples: 67 Hz at 48 kHz. */
  readonly periodMax = 720;
  /** The shortest: 400 Hz. */
  readonly #periodMin = 120;
  readonly #channels: Float32Array[];
  #at = 0;

  constructor(channelCount: number) {
    this.#channels = Array.from({ length: channelCount }, () => new Float32Array(this.#size));
  }

  /** Takes sample `n` of each output channel. */
  add(output: readonly Float32Array[], n: number): void {
    for (let c = 0; c < this.#channels.length; c++) {
      const channel = this.#channels[c];
      if (channel !== undefined) channel[this.#at] = output[c]?.[n] ?? 0;
    }
    this.#at = (this.#at + 1) % this.#size;
  }

  /**
   * The pitch period of the last voice: the shift by which it best repeats itself, samples. The
   * longest period if there is nothing to repeat.
   */
  pitchPeriod(): number {
    let best = this.periodMax;
    let bestScore = 0;
    for (let candidate = this.#periodMin; candidate <= this.periodMax; candidate += 2) {
      let product = 0;
      let energy = 1e-9;
      for (let back = 1; back <= 480; back += 4) {
        const shifted = this.#sample(0, back + candidate);
        product += this.#sample(0, back) * shifted;
        energy += shifted * shifted;
      }
      const score = product > 0 ? (product * product) / energy : 0;
      if (score > bestScore) {
        bestScore = score;
        best = candidate;
      }
    }
    return best;
  }

  /**
   * Sample `k` (from 0) of a hole, if the last `period` samples before it are repeated. All of the
   * hole's samples before `k` must have been added.
   */
  repeated(channel: number, k: number, period: number): number {
    return this.#sample(channel, k + period - (k % period));
  }

  /** The sample that was added `back` additions ago; 1 is the last. */
  #sample(channel: number, back: number): number {
    return this.#channels[channel]?.[(this.#at - back + this.#size) % this.#size] ?? 0;
  }
}
