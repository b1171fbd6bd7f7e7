// How long frames of a stream are gathered before they are written to its viewers. Each write costs the kernel about the
// same however much it carries, so a busy listener gathers and an idle one does not wait. Pure: times are given.

export interface CoalesceOptions {
  /** Gathered for so long while the listener is busy; 0: never. */
  coalesceMs: number;
  /** And never longer than this. */
  coalesceMaxMs: number;
  /** 'busy': only while the listener is; 'always': also while it is idle, as a benchmark wants it. */
  coalesce: 'busy' | 'always';
}

/** Multiples of `coalesceMs`. */
export type CoalesceLevel = 0 | 1 | 2 | 4;

/** Shares of time spent writing: gathering begins above, and ends below; it is doubled, and doubled again, above. */
const ENTER_SHARE = 0.05;
const LEAVE_SHARE = 0.02;
const DOUBLE_SHARE = 0.5;
const FOURFOLD_SHARE = 0.75;

/** The level for a listener that spends `share` of its time writing to viewers, 0 to 1, and was at `level`. */
export function coalesceLevel(share: number, level: CoalesceLevel): CoalesceLevel {
  if (share > FOURFOLD_SHARE) return 4;
  if (share > DOUBLE_SHARE) return 2;
  return share > ENTER_SHARE || (level > 0 && share >= LEAVE_SHARE) ? 1 : 0;
}

/** Milliseconds to gather at this level. 0: what is due goes at once. */
export function coalesceDelayMs(level: CoalesceLevel, { coalesceMs, coalesceMaxMs, coalesce }: CoalesceOptions): number {
  const times = coalesce === 'always' ? Math.max(1, level) : level;
  return Math.min(times * coalesceMs, coalesceMaxMs);
}

const SLICES = 10;
const SLICE_MS = 100;

/** The share of the last second that was spent on something. Times are monotonic milliseconds. */
export class BusyMeter {
  readonly #spentMs = new Float64Array(SLICES);
  #slice = 0;

  /** Notes a stretch of work; it counts for the slice in which it ended. */
  add(startMs: number, endMs: number): void {
    this.#turnTo(endMs);
    const at = this.#slice % SLICES;
    this.#spentMs[at] = (this.#spentMs[at] ?? 0) + endMs - startMs;
  }

  /** 0 to 1, of the second before `nowMs`. */
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
