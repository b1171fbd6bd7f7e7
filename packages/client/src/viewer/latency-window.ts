// Percentiles of the last measurements: latency as people feel it, unaffected by single outliers.
const SAMPLES_MAX = 128;

/** A sliding window of measurements, with percentiles. */
export class LatencyWindow {
  #samples: number[] = [];
  readonly #samplesMax: number;

  constructor(samplesMax = SAMPLES_MAX) {
    this.#samplesMax = samplesMax;
  }

  add(ms: number): void {
    this.#samples.push(ms);
    if (this.#samples.length > this.#samplesMax) this.#samples.shift();
  }

  clear(): void {
    this.#samples = [];
  }

  /** The nearest-rank percentile, `fraction` in [0, 1]; undefined without samples. */
  percentile(fraction: number): number | undefined {
    const sorted = [...this.#samples].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)];
  }
}
