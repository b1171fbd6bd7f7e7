// In: readings of a counter. Out: its rate over the last moments.

const WINDOW_MS = 1_500;

/** The rate of one counter. */
export class Rate {
  #readings: { atMs: number; count: number }[] = [];

  /** Takes a reading. A lower count means that the counter restarted. */
  read(count: number, atMs: number): void {
    const last = this.#readings.at(-1);
    if (last !== undefined && count < last.count) this.#readings = [];
    this.#readings.push({ atMs, count });
    while ((this.#readings[1]?.atMs ?? atMs) < atMs - WINDOW_MS) this.#readings.shift();
  }

  /** The rate per second, over about 1.5 s; 0 before the second reading. */
  get perSecond(): number {
    const [first] = this.#readings;
    const last = this.#readings.at(-1);
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
    return ((last.count - first.count) * 1_000) / (last.atMs - first.atMs);
  }
}
