// The granule positions of a stream's pages in, what they say about time out: how much is missing before a page, and what to
// trim at the end (RFC 7845 section 4). A position is believed if it agrees with the packets before it, if something is known
// to be lost, or if the next page agrees with it. Any other one is wrong: time is then counted by the packets alone.

/** A longer hole than this closes up: a minute at 48 kHz. */
export const HOLE_SAMPLES_MAX = 48_000 * 60;

/** Longest time that end trimming may take beyond the packets of its own page: one packet of 120 ms. */
const TRIM_SAMPLES_MAX = 5_760;

/** A page on which packets end. */
export interface PageTime {
  /** Undefined if it is not a position. */
  readonly granule: number | undefined;
  /** 48 kHz samples of the packets that end in it. */
  readonly samples: number;
  /** Whether packets are known to be missing before its last one. */
  readonly isLossy: boolean;
  /** Whether the stream ends with it. */
  readonly isLast: boolean;
}

/** What a page's position says. */
export interface PagePlace {
  /** Samples that are missing before its last packet. */
  readonly gap: number;
  /** Samples to trim off its end. */
  readonly trim: number;
  /** Whether the position agrees with the packets, or with what is missing. */
  readonly fits: boolean;
}

/** Follows the positions of one stream. */
export class GranuleTimeline {
  /** Where the packets so far end. */
  #end: number | undefined;
  #start: number | undefined;
  /** The furthest place that was believed: time before it is not missing, whatever comes out of order. */
  #furthest = 0;
  /** Where they end by the last position, which was not believed. */
  #doubted: number | undefined;

  /** The position at which the stream begins; undefined if no page has told. */
  get start(): number | undefined {
    return this.#start;
  }

  /** Whether only the next page can tell if time is missing before this one. */
  isDoubtful({ granule, samples, isLossy, isLast }: PageTime): boolean {
    if (granule === undefined || this.#end === undefined || isLossy || isLast) return false;
    const gap = granule - samples - this.#end;
    return gap > 0 && gap <= HOLE_SAMPLES_MAX && granule - samples !== this.#doubted;
  }

  /** Takes a page. `next`: where the page after it begins, if that is known. */
  place({ granule, samples, isLossy, isLast }: PageTime, next?: number): PagePlace {
    if (granule === undefined) return this.#count(samples, undefined);
    const start = granule - samples;
    if (this.#end === undefined) {
      this.#start = Math.max(0, start);
      if (start >= 0) return this.#believe(granule, {});
      if (isLast) return this.#trim(0, granule, samples);
      this.#end = 0;
      return this.#count(samples, granule);
    }
    const gap = start - this.#end;
    if (gap === 0 || start === this.#doubted) return this.#believe(granule, {});
    if (gap < 0 && isLast) return this.#trim(this.#end, granule, samples);
    const agreed = isLossy || next === granule;
    if (gap > 0 && gap <= HOLE_SAMPLES_MAX && agreed)
      return this.#believe(granule, { gap: Math.max(0, start - Math.max(this.#end, this.#furthest)) });
    if (!isLossy) return this.#count(samples, granule);
    // Pages out of order, or a hole that is too long: their time begins with them.
    return this.#believe(granule, { fits: false });
  }

  #believe(granule: number, { gap = 0, trim = 0, fits = true }: Partial<PagePlace>): PagePlace {
    this.#end = granule;
    this.#furthest = Math.max(this.#furthest, granule);
    this.#doubted = undefined;
    return { gap, trim, fits };
  }

  #count(samples: number, doubted: number | undefined): PagePlace {
    if (this.#end !== undefined) this.#end += samples;
    this.#doubted = doubted;
    return { gap: 0, trim: 0, fits: false };
  }

  #trim(start: number, granule: number, samples: number): PagePlace {
    const trim = start + samples - granule;
    if (trim > samples + TRIM_SAMPLES_MAX) return this.#count(samples, granule);
    return this.#believe(granule, { trim: Math.min(trim, samples) });
  }
}
