// The loudness of a voice over time, small enough for a row: the loudest level in each slot of
// capture time, in runs without a gap.

/** Length of a slot, microseconds. */
export const LEVEL_SLOT_US = 250_000;

/** The softest level of RFC 6464, −dBov. */
const SOFTEST = 127;

/**
 * Slots from `slot` on (counted from the epoch's beginning), two hex digits each: −dBov, 00
 * loudest, 7f silent.
 */
export type LevelRun = readonly [slot: number, hex: string];

/** Gathers levels in any order. */
export class LevelRuns {
  /** Loudest level (−dBov) by slot. */
  readonly #slots = new Map<number, number>();

  /** Adds a level (−dBov) measured at `captureUs`. */
  add(captureUs: number, level: number): void {
    const slot = Math.floor(captureUs / LEVEL_SLOT_US);
    const known = this.#slots.get(slot);
    if (known === undefined || level < known) this.#slots.set(slot, Math.min(level, SOFTEST));
  }

  /** The runs, in order of time. */
  runs(): LevelRun[] {
    const runs: [number, string][] = [];
    let next = -1;
    for (const [slot, level] of [...this.#slots].sort(([a], [b]) => a - b)) {
      const hex = level.toString(16).padStart(2, '0');
      const last = runs.at(-1);
      if (last !== undefined && slot === next) last[1] += hex;
      else runs.push([slot, hex]);
      next = slot + 1;
    }
    return runs;
  }
}
