// The voice's loudness along a timeline: levels by slot in, the heights of a row of bars out.
import type { Levels } from '../api/archive.ts';

/**
 * Levels in −dBov: softer than the first draws silence, louder than the second draws full height.
 */
const softest = 60;
const loudest = 10;
/** The bars of a soft broadcast are raised at most by this factor. */
const liftMax = 4;

/**
 * Heights from 0 (silence) to 1 (the loudest bar) of `count` bars that share `durationMs`. Each is
 * the mean loudness of its time: the maximum would be the same everywhere in a long broadcast.
 */
export function levelBars({ slotMs, runs }: Levels, durationMs: number, count: number): Float32Array {
  const bars = new Float32Array(count);
  if (durationMs <= 0) return bars;
  const barMs = durationMs / count;
  for (const [first, hex] of runs)
    for (let i = 0; i < hex.length / 2; i++) {
      const height = heightOf(Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
      const startMs = (first + i) * slotMs;
      const endMs = startMs + slotMs;
      // A slot may span several bars and be wider than one.
      for (let bar = Math.floor(startMs / barMs); bar < count && bar * barMs < endMs; bar++) {
        const shareMs = Math.min(endMs, (bar + 1) * barMs) - Math.max(startMs, bar * barMs);
        bars[bar] = (bars[bar] ?? 0) + (height * shareMs) / barMs;
      }
    }
  const lift = Math.min(liftMax, 1 / Math.max(...bars, Number.MIN_VALUE));
  return bars.map((bar) => Math.min(1, bar * lift));
}

function heightOf(level: number): number {
  return Math.min(1, Math.max(0, (softest - level) / (softest - loudest))) ** 2;
}
