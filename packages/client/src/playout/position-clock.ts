// Maps voice positions to capture time. Each audio frame carries both. A busy sender may stamp the
// capture time late, never early, so the smallest difference of the last seconds is right and
// follows the sender's drift.
import { WindowedMinimum } from './windowed-minimum.ts';

const WINDOW_MS = 10_000;
const SAMPLES_PER_MS = 48;

/**
 * Maps one participant's positions (48 kHz samples) to media time and back. Media time is capture
 * time in milliseconds of the epoch.
 */
export class PositionClock {
  readonly #shiftMs = new WindowedMinimum(WINDOW_MS);

  /** A frame at `position` states that it was captured at `captureUs`. */
  add(position: number, captureUs: number): void {
    this.#shiftMs.add(captureUs / 1000 - position / SAMPLES_PER_MS, captureUs / 1000);
  }

  /** Capture time of `position`, milliseconds. Before the first frame, both start at 0. */
  mediaMs(position: number): number {
    return position / SAMPLES_PER_MS + (this.#shiftMs.value ?? 0);
  }

  /** The position captured at `mediaMs`. */
  position(mediaMs: number): number {
    return (mediaMs - (this.#shiftMs.value ?? 0)) * SAMPLES_PER_MS;
  }
}
