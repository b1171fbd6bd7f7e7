// The application's audio positions to the epoch's. Each participant's first audio in an epoch is
// placed at its capture time; after that its own sample count decides. If the count goes back
// (another microphone), the audio is placed by its capture time again.

const SAMPLES_PER_US = 0.048;

/** Shifts positions of one epoch. */
export class PositionMap {
  readonly #tracks = new Map<number, { shift: number; end: number }>();

  /**
   * The epoch's position of `samples` of audio at the application's `position`, captured at
   * `captureUs` of the epoch.
   */
  place(audio: { participant: number; position: number; samples: number; captureUs: number }): number {
    let track = this.#tracks.get(audio.participant);
    if (track === undefined || audio.position + track.shift < track.end) {
      const start = Math.max(Math.round(audio.captureUs * SAMPLES_PER_US), track?.end ?? 0);
      track = { shift: start - audio.position, end: start };
      this.#tracks.set(audio.participant, track);
    }
    const placed = audio.position + track.shift;
    track.end = placed + audio.samples;
    return placed;
  }
}
