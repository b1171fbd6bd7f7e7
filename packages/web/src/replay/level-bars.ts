// The voice's loudness along a timeline: levels by slot in, the heights of a row of bars out.
import type { Levels } from '../api/archive.ts';

/** What is softer is drawn as silence, −dBov; what is louder than the other fills the height. */
const softest = 62;
const loudest = 12;

/** Heights from 0 (silence) to 1 of `count` bars that share `durationMs`: each is the loudest that lies in it. */
export function levelBars({ slotMs, runs }: Levels, durationMs: number, count: number): Float32Array {
  const bars = new Float32Array(count);
  if (durationMs <= 0) return bars;
  const barOf = (ms: number) => Math.floor((ms * count) / durationMs);
  for (const [first, hex] of runs)
    for (let i = 0; i < hex.length / 2; i++) {
      const height = heightOf(Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
      const startMs = (first + i) * slotMs;
      // A slot may be wider than a bar: every bar that it touches.
      for (let bar = barOf(startMs); bar < count && bar <= barOf(startMs + slotMs - 1); bar++) bars[bar] = Math.max(bars[bar] ?? 0, height);
    }
  return bars;
}

function heightOf(level: number): number {
  return Math.min(1, Math.max(0, (softest - level) / (softest - loudest))) ** 1.4;
}
