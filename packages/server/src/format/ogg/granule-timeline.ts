// Converts the granule positions of a stream's pages to time: how much is missing before a page,
// and what to trim at the end (RFC 7845 section 4). A position is accepted if it agrees with the
// packets before it, if packets are known to be lost, or if the next page agrees with it. Any other
// position is wrong, and then only the packets count time.

/** A longer gap is closed: a minute at 48 kHz. */
const HOLE_SAMPLES_MAX = 48_000 * 60;

/**
 * The longest time that end trimming may take beyond the packets of its own page: one packet of 120
 * ms.
 */
const TRIM_SAMPLES_MAX = 5_760;

/** A page on which packets end. */
export interface PageTime {
  /** Undefined if the page has no valid position. */
  readonly granule: number | undefined;
  /** 48 kHz samples of the packets that end in it. */
  readonly samples: number;
  /** Whether packets are known to be missing before its last one. */
  readonly isLossy: boolean;
  /** Whether it is the stream's last page. */
  readonly isLast: boolean;
}

/** The result for a page's position. */
interface PagePlace {
  /** Samples that are missing before its last packet. */
  readonly gap: number;
  /** Samples to trim off its end. */
  readonly trim: number;
  /** Whether the position agrees with the packets, or with the missing time. */
  readonly fits: boolean;
}

/** Follows the positions of one stream. */
export class GranuleTimeline {
  /** The position where the packets so far end. */
  #end: number | undefined;
  #start: number | undefined;
  /**
   * The latest accepted position: time before it is not missing, even if pages come out of order.
   */
  #furthest = 0;
  /** The end of the packets by the last position, which was not accepted. */
  #doubted: number | undefined;

  /** The position at which the stream begins; undefined if no page has shown it. */
  get start(): number | undefined {
    return this.#start;
  }

  /** Whether only the next page can tell if time is missing before this one. */
  isDoubtful({ granule, samples, isLossy, isLast }: PageTime): boolean {
    if (granule === undefined || this.#end === undefined || isLossy || isLast) return false;
    const gap = granule - samples - this.#end;
    return gap > 0 && gap <= HOLE_SAMPLES_MAX && granule - samples !== this.#doubted;
  }

  /** Places a page in time. `next`: the position where the next page begins, if that is known. */
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
    // Pages are out of order, or a gap is too long: their own positions start the time again.
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
