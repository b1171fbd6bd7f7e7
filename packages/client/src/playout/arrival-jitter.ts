// Measures how late media arrives relative to its fastest delivery, and derives how long playout
// must wait for nearly all of it. In: arrival time and media time of each frame. Out: the base (the
// smallest delay) and the target on top of it. The target rises at once with a late frame. It falls
// slowly after some seconds without one.
import { WindowedMinimum } from './windowed-minimum.ts';

export interface JitterOptions {
  /** Bounds of the target, milliseconds. Default 20 and 500. */
  targetMinMs?: number;
  targetMaxMs?: number;
}

const BIN_MS = 5;
const BINS = 128;
const WINDOW_MS = 10_000;
/** The share of frames that the histogram alone must keep in time. */
const PERCENTILE = 0.97;
/**
 * Frames that arrive in bunches are measured at the bunch's end; this margin is added for decoding
 * the next one.
 */
const MARGIN_MS = 10;
/** A single late frame's share of the target halves in this time. */
const PEAK_HALF_LIFE_MS = 4_000;

/** Estimates the delay that playout needs. */
export class ArrivalJitter {
  readonly #targetMinMs: number;
  readonly #targetMaxMs: number;
  readonly #base = new WindowedMinimum(WINDOW_MS);
  readonly #bins = new Float64Array(BINS);
  #weight = 0;
  #heardMs = 0;
  #peak = { ms: 0, atMs: 0 };

  constructor({ targetMinMs = 20, targetMaxMs = 500 }: JitterOptions = {}) {
    this.#targetMinMs = targetMinMs;
    this.#targetMaxMs = targetMaxMs;
  }

  /** The last arrival, milliseconds. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /**
   * Arrival time minus media time of the fastest frame of the last 10 s; undefined before the
   * first.
   */
  get baseMs(): number | undefined {
    return this.#base.value;
  }

  /**
   * A frame of media time `mediaMs` arrived at `nowMs`. `settling`: it came in a burst after a
   * (re)connect, so it does not count as jitter.
   */
  add(nowMs: number, mediaMs: number, settling = false): void {
    const delayMs = nowMs - mediaMs;
    this.#base.add(delayMs, nowMs);
    const sinceMs = Math.min(WINDOW_MS, Math.max(0, nowMs - this.#heardMs));
    this.#heardMs = nowMs;
    if (settling) return;
    const lateMs = delayMs - (this.#base.value ?? delayMs);
    this.#forget(Math.exp(-sinceMs / WINDOW_MS));
    const bin = Math.min(BINS - 1, Math.floor(lateMs / BIN_MS));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
    this.#weight++;
    if (lateMs > this.#peakMs(nowMs)) this.#peak = { ms: Math.min(lateMs, this.#targetMaxMs), atMs: nowMs };
  }

  /** How long after the base a frame is best played, milliseconds. */
  targetMs(nowMs: number): number {
    const wanted = Math.max(this.#percentileMs(), this.#peakMs(nowMs)) + MARGIN_MS;
    return Math.min(this.#targetMaxMs, Math.max(this.#targetMinMs, wanted));
  }

  /** Forgets everything: the epoch or the route has changed. */
  reset(): void {
    this.#base.clear();
    this.#bins.fill(0);
    this.#weight = 0;
    this.#peak = { ms: 0, atMs: 0 };
  }

  #forget(factor: number): void {
    for (let i = 0; i < BINS; i++) this.#bins[i] = (this.#bins[i] ?? 0) * factor;
    this.#weight *= factor;
  }

  #peakMs(nowMs: number): number {
    return this.#peak.ms * 0.5 ** ((nowMs - this.#peak.atMs) / PEAK_HALF_LIFE_MS);
  }

  #percentileMs(): number {
    let sum = 0;
    for (let i = 0; i < BINS; i++) {
      sum += this.#bins[i] ?? 0;
      if (sum >= this.#weight * PERCENTILE) return (i + 1) * BIN_MS;
    }
    return BINS * BIN_MS;
  }
}
