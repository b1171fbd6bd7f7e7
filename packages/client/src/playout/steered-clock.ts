// A clock that follows a line without jumps, for motion without voice. It runs up to 5 % faster or
// slower, never backwards, and jumps only when it is far off.

const RATE_MAX = 0.05;
/** A deviation is worked off in about this time. */
const CORRECTION_MS = 1_000;
const JUMP_MS = 400;

/** Follows a media line. */
export class SteeredClock {
  #mediaMs: number | undefined;
  #atMs = 0;

  /** The media time to show at `nowMs`, when the line says `wantedMs`. */
  advance(nowMs: number, wantedMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    const uncorrectedMs = (this.#mediaMs ?? wantedMs) + elapsedMs;
    const deviationMs = wantedMs - uncorrectedMs;
    if (this.#mediaMs === undefined || Math.abs(deviationMs) > JUMP_MS) this.#mediaMs = wantedMs;
    else {
      const rate = Math.min(RATE_MAX, Math.max(-RATE_MAX, deviationMs / CORRECTION_MS));
      this.#mediaMs = uncorrectedMs + Math.max(-elapsedMs, rate * elapsedMs);
    }
    return this.#mediaMs;
  }

  /** Continues from `mediaMs`, the place that voice has reached. */
  set(nowMs: number, mediaMs: number): void {
    this.#atMs = nowMs;
    this.#mediaMs = mediaMs;
  }

  reset(): void {
    this.#mediaMs = undefined;
  }
}
