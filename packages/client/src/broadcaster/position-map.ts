// The application's audio positions to the epoch's. Each participant's first audio in an epoch is
// placed at its capture time; after that its own sample count decides. If the count goes back
// (another microphone), the audio is placed by its capture time again.

const SAMPLES_PER_US = 0.048;

/** Shifts positions of one epoch. */
export class PositionMap {
  readonly #lines = new Map<number, { shift: number; end: number }>();

  /**
   * The epoch's position of `samples` of audio at the application's `position`, captured at
   * `captureUs` of the epoch.
   */
  place(audio: { participant: number; position: number; samples: number; captureUs: number }): number {
    let line = this.#lines.get(audio.participant);
    if (line === undefined || audio.position + line.shift < line.end) {
      const start = Math.max(Math.round(audio.captureUs * SAMPLES_PER_US), line?.end ?? 0);
      line = { shift: start - audio.position, end: start };
      this.#lines.set(audio.participant, line);
    }
    const placed = audio.position + line.shift;
    line.end = placed + audio.samples;
    return placed;
  }
}
