// How long the frames of a stream are gathered before they are written to its viewers. A write
// costs the kernel about the same whatever its size, so a busy listener gathers and an idle one
// writes at once. Pure: the caller passes times in.

export interface CoalesceOptions {
  /** How long frames are gathered while the listener is busy; 0 turns gathering off. */
  coalesceMs: number;
  /** Upper bound of the gathering time. */
  coalesceMaxMs: number;
  /** 'busy': gather only while the listener is busy; 'always': also while idle (for benchmarks). */
  coalesce: 'busy' | 'always';
}

/** Multiples of `coalesceMs`. */
export type CoalesceLevel = 0 | 1 | 2 | 4;

/**
 * Shares of time spent writing. Gathering begins above ENTER and ends below LEAVE; the delay
 * doubles above each of the two further shares.
 */
const ENTER_SHARE = 0.05;
const LEAVE_SHARE = 0.02;
const DOUBLE_SHARE = 0.5;
const FOURFOLD_SHARE = 0.75;

/**
 * The new level of a listener that was at `level` and spends `share` (0 to 1) of its time writing.
 */
export function coalesceLevel(share: number, level: CoalesceLevel): CoalesceLevel {
  if (share > FOURFOLD_SHARE) return 4;
  if (share > DOUBLE_SHARE) return 2;
  return share > ENTER_SHARE || (level > 0 && share >= LEAVE_SHARE) ? 1 : 0;
}

/** Milliseconds to gather at this level. 0: frames are written at once. */
export function coalesceDelayMs(level: CoalesceLevel, { coalesceMs, coalesceMaxMs, coalesce }: CoalesceOptions): number {
  const times = coalesce === 'always' ? Math.max(1, level) : level;
  return Math.min(times * coalesceMs, coalesceMaxMs);
}

const SLICES = 10;
const SLICE_MS = 100;

/**
 * The share of the last second that was spent on one kind of work. Times are monotonic
 * milliseconds.
 */
export class BusyMeter {
  readonly #spentMs = new Float64Array(SLICES);
  #slice = 0;

  /** Records a stretch of work. It counts in the slice in which it ended. */
  add(startMs: number, endMs: number): void {
    this.#turnTo(endMs);
    const at = this.#slice % SLICES;
    this.#spentMs[at] = (this.#spentMs[at] ?? 0) + endMs - startMs;
  }

  /** The busy share of the second before `nowMs`, from 0 to 1. */
  share(nowMs: number): number {
    this.#turnTo(nowMs);
    return Math.min(1, this.#spentMs.reduce((sum, spentMs) => sum + spentMs, 0) / (SLICES * SLICE_MS));
  }

  #turnTo(nowMs: number): void {
    const slice = Math.floor(nowMs / SLICE_MS);
    const passed = Math.min(slice - this.#slice, SLICES);
    for (let i = 1; i <= passed; i++) this.#spentMs[(this.#slice + i) % SLICES] = 0;
    this.#slice = Math.max(this.#slice, slice);
  }
}
