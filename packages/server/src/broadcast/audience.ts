// The number of viewers of one broadcast. Each listener reports its own count about once a second,
// and the owning streamer sums them. A listener that falls silent is forgotten.

/** How long a listener's report is valid. */
const REPORT_TTL_MS = 4_000;

/** The viewers of one broadcast over all listeners. */
export class Audience {
  readonly #reports = new Map<bigint, { viewers: number; heardMs: number }>();

  /** Records that `listener` has this many viewers of this broadcast. */
  report(listener: bigint, viewers: number, nowMs: number): void {
    if (viewers === 0) this.#reports.delete(listener);
    else this.#reports.set(listener, { viewers, heardMs: nowMs });
  }

  /** The number of viewers over all listeners. */
  viewers(nowMs: number): number {
    let sum = 0;
    for (const [listener, { viewers, heardMs }] of this.#reports) {
      if (nowMs - heardMs > REPORT_TTL_MS) this.#reports.delete(listener);
      else sum += viewers;
    }
    return sum;
  }
}
