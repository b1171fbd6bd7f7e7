// Samples in, the last minute of them out, with the wall-clock time of the first. Tests and the
// bench compare them with the sound that was sent. A ring of fixed size.

/** The recording, as tests read it. */
export interface RecordedSound {
  /** Unix milliseconds of the first sample of samples(). */
  readonly startUnixMs: number;
  readonly sampleRate: number;
  /** Length of samples(), for tests that wait for it to grow. */
  readonly seconds: number;
  /** Mono, oldest first, at most 60 s. */
  samples(): Float32Array;
}

const secondsMax = 60;

/** A minute of sound. */
export class SoundRecording implements RecordedSound {
  readonly sampleRate: number;
  readonly #ring: Float32Array;
  /** Samples since clear(). */
  #count = 0;
  /** Unix milliseconds at which sample number `count` begins, by the latest block. */
  #endUnixMs = 0;

  constructor(sampleRate: number) {
    this.sampleRate = sampleRate;
    this.#ring = new Float32Array(sampleRate * secondsMax);
  }

  get seconds(): number {
    return Math.min(this.#count, this.#ring.length) / this.sampleRate;
  }

  get startUnixMs(): number {
    return this.#endUnixMs - this.seconds * 1000;
  }

  /** Appends samples; the first of them belongs to `startUnixMs`. */
  add(samples: Float32Array, startUnixMs: number): void {
    for (const sample of samples) this.#ring[this.#count++ % this.#ring.length] = sample;
    this.#endUnixMs = startUnixMs + (samples.length * 1000) / this.sampleRate;
  }

  samples(): Float32Array {
    const size = this.#ring.length;
    if (this.#count <= size) return this.#ring.slice(0, this.#count);
    const samples = new Float32Array(size);
    const first = this.#count % size;
    samples.set(this.#ring.subarray(first));
    samples.set(this.#ring.subarray(0, first), size - first);
    return samples;
  }

  clear(): void {
    this.#count = 0;
  }
}
