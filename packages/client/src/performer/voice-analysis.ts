// Measures a voice for lip shapes. Mono 48 kHz samples go in; a loudness and the shares of five
// bands come out every 10 ms. The bands cover the first two formants of vowels (Peterson and
// Barney, 1952) and the range above.
import { levelDb } from './audio-level.ts';

/** Samples between two measurements: 10 ms. */
export const HOP_SAMPLES = 480;

/** One measurement. */
export interface VoiceMeasure {
  /** dB over full scale; -Infinity in digital silence. */
  readonly db: number;
  /**
   * Shares of the bands' energy, in the order of BANDS_HZ; they sum to 1, or are all 0 in silence.
   */
  readonly shares: readonly [close: number, open: number, middle: number, front: number, hiss: number];
}

/**
 * Band edges: first formant of close vowels (i, u), then of open ones (a); second formant of back
 * to middle vowels (a), then of front ones (e, i); fricatives (s, sh).
 */
const BANDS_HZ = [
  [200, 480],
  [480, 1_000],
  [1_000, 1_700],
  [1_700, 3_200],
  [4_000, 9_000],
] as const;

/** A band-pass biquad with 0 dB at its centre (R. Bristow-Johnson, Audio EQ Cookbook). */
class BandPass {
  readonly #b0: number;
  readonly #a1: number;
  readonly #a2: number;
  #z1 = 0;
  #z2 = 0;

  constructor(lowHz: number, highHz: number) {
    const centreHz = Math.sqrt(lowHz * highHz);
    const w = (2 * Math.PI * centreHz) / 48_000;
    const alpha = (Math.sin(w) * (highHz - lowHz)) / centreHz / 2;
    this.#b0 = alpha / (1 + alpha);
    this.#a1 = (-2 * Math.cos(w)) / (1 + alpha);
    this.#a2 = (1 - alpha) / (1 + alpha);
  }

  /** Energy of the filtered samples. */
  energy(samples: Float32Array): number {
    let squares = 0;
    for (const sample of samples) {
      const out = this.#b0 * sample + this.#z1;
      this.#z1 = -this.#a1 * out + this.#z2;
      this.#z2 = -this.#b0 * sample - this.#a2 * out;
      squares += out * out;
    }
    return squares;
  }
}

/** Measures a voice hop by hop; blocks may have any length. */
export class VoiceAnalysis {
  readonly #bands = BANDS_HZ.map(([lowHz, highHz]) => new BandPass(lowHz, highHz));
  readonly #hop = new Float32Array(HOP_SAMPLES);
  #filled = 0;

  /**
   * Takes `samples` and calls `measured` for each hop that they complete. Samples that are not
   * finite count as 0.
   */
  push(samples: Float32Array, measured: (measure: VoiceMeasure) => void): void {
    for (const sample of samples) {
      this.#hop[this.#filled++] = Number.isFinite(sample) ? sample : 0;
      if (this.#filled < HOP_SAMPLES) continue;
      this.#filled = 0;
      measured(this.#measure());
    }
  }

  #measure(): VoiceMeasure {
    // The upper bands get more weight: speech falls about 6 dB an octave.
    const weights = [1, 1.6, 4, 7, 6];
    const energies = this.#bands.map((band, index) => band.energy(this.#hop) * (weights[index] ?? 1));
    const sum = energies.reduce((a, b) => a + b, 0);
    const share = (index: number) => (sum > 1e-12 ? (energies[index] ?? 0) / sum : 0);
    return { db: levelDb(this.#hop), shares: [share(0), share(1), share(2), share(3), share(4)] };
  }
}
