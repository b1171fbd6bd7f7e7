// Counts the rates of Published.limits as a server does: with a token bucket for each, which holds
// 10 s worth and is full when the connection begins (behaviour.md, "Limits").

/** Both rates, per second. */
interface Rates {
  readonly framesPerSecondMax: number;
  readonly bitsPerSecondMax: number;
}

const BUCKET_SECONDS = 10;
/** Allowance: the clocks of kit and client differ, and messages arrive in bursts. */
const TOLERANCE = 1.05;

/** Counts frames until a rate is exceeded. */
export class RateBucket {
  readonly #rates: Rates;
  #frames: number;
  #bits: number;
  #atMs = performance.now();

  constructor(rates: Rates) {
    this.#rates = rates;
    this.#frames = rates.framesPerSecondMax * BUCKET_SECONDS * TOLERANCE;
    this.#bits = rates.bitsPerSecondMax * BUCKET_SECONDS * TOLERANCE;
  }

  /** Counts a frame. Returns which rate it exceeds, or undefined. */
  take(bytes: number): string | undefined {
    const { framesPerSecondMax, bitsPerSecondMax } = this.#rates;
    const nowMs = performance.now();
    const seconds = ((nowMs - this.#atMs) / 1000) * TOLERANCE;
    this.#atMs = nowMs;
    this.#frames = Math.min(framesPerSecondMax * BUCKET_SECONDS * TOLERANCE, this.#frames + seconds * framesPerSecondMax) - 1;
    this.#bits = Math.min(bitsPerSecondMax * BUCKET_SECONDS * TOLERANCE, this.#bits + seconds * bitsPerSecondMax) - bytes * 8;
    if (this.#frames < 0) return `more than ${framesPerSecondMax} frames a second arrived`;
    if (this.#bits < 0) return `more than ${bitsPerSecondMax} bits a second arrived`;
    return undefined;
  }
}
