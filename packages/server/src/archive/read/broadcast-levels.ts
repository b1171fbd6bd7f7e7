// Computes the voice's loudness over a whole broadcast from the rows of its windows: the loudest
// level of each slot, for drawing along a timeline. Long broadcasts have wider slots, so that the
// response has a bounded size.
import { LEVEL_SLOT_US, type LevelRun } from '../row/level-runs.ts';

/** Loudness by slots of capture time. */
export interface BroadcastLevels {
  /** Length of a slot: 250 ms, doubled until there are at most `slotsMax` slots. */
  slotMs: number;
  /** In the form of the statistics (LevelRun), in order. */
  runs: LevelRun[];
}

/** Joins runs of levels into at most `slotsMax` slots. */
export function joinLevels(rows: Iterable<readonly LevelRun[]>, options: { durationMs: number; slotsMax: number }): BroadcastLevels {
  let slotMs = LEVEL_SLOT_US / 1000;
  let width = 1;
  for (; options.durationMs / slotMs > options.slotsMax; width *= 2) slotMs *= 2;
  const slotsMax = Math.ceil(options.durationMs / slotMs);
  const loudest = new Uint8Array(slotsMax).fill(NONE);
  for (const runs of rows)
    for (const [first, hex] of runs)
      for (let i = 0; i < hex.length / 2; i++) {
        const slot = Math.floor((first + i) / width);
        const level = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
        if (level < (loudest[slot] ?? 0)) loudest[slot] = level;
      }
  return { slotMs, runs: runsOf(loudest) };
}

/** A slot without a level. */
const NONE = 0xff;

function runsOf(loudest: Uint8Array): LevelRun[] {
  const runs: LevelRun[] = [];
  const text = Buffer.from(loudest).toString('hex');
  for (let slot = 0; slot < loudest.length; ) {
    let end = slot;
    while (end < loudest.length && loudest[end] !== NONE) end++;
    if (end > slot) runs.push([slot, text.slice(2 * slot, 2 * end)]);
    slot = end + 1;
  }
  return runs;
}
