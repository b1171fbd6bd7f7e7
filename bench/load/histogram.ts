// Counts of microseconds in log-linear buckets, as the load client prints them (histogram.h uses
// the same rule). Each value below 256 has its own bucket. Above that each power of two has 128
// buckets. This module merges the counts and reads quantiles, which are off by less than 0.8 %.

/** A bucket's index and its count. */
export type BucketCount = readonly [bucket: number, count: number];

/** A histogram as the load client prints it. */
export interface PrintedHistogram {
  /** Exact, microseconds. */
  max: number;
  buckets: readonly BucketCount[];
}

/** The largest value of a bucket, microseconds. */
export function bucketMax(bucket: number): number {
  if (bucket < 256) return bucket;
  const shift = Math.floor(bucket / 128) - 1;
  return (bucket - shift * 128 + 1) * 2 ** shift - 1;
}

/** A sum of histograms. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #max = 0;
  #count = 0;

  static of(...printed: readonly PrintedHistogram[]): Histogram {
    const histogram = new Histogram();
    for (const one of printed) histogram.add(one);
    return histogram;
  }

  get count(): number {
    return this.#count;
  }

  /** Exact, microseconds. 0 if empty. */
  get max(): number {
    return this.#max;
  }

  add({ max, buckets }: PrintedHistogram): void {
    this.#max = Math.max(this.#max, max);
    for (const [bucket, count] of buckets) {
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
      this.#count += count;
    }
  }

  /**
   * A bound, in microseconds, that the fraction `q` (0 to 1) of all values does not exceed: the
   * largest value of a bucket, or the exact maximum if that is less. NaN if empty.
   */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(bucketMax(bucket), this.#max);
    }
    return Number.NaN;
  }

  /** Milliseconds, as tables show them. */
  summary(): { p50Ms: number; p99Ms: number; p999Ms: number; maxMs: number } {
    const ms = (us: number) => Math.round(us) / 1_000;
    return { p50Ms: ms(this.quantile(0.5)), p99Ms: ms(this.quantile(0.99)), p999Ms: ms(this.quantile(0.999)), maxMs: ms(this.#max) };
  }
}
