// How much a log may hold: on disk and in memory, over all its partitions. At the disk limit committed segments go first,
// even those that retention would keep; what is not committed stays, and appends are refused instead.

/** Shared by all partitions of one log. */
export class Space {
  readonly sizeBytesMax: number;
  readonly waitingBytesMax: number;
  /** Segment files: what is durable or being written. */
  sizeBytes = 0;
  /** Entries that wait to become durable. */
  waitingBytes = 0;
  /** An entry was refused for want of disk space, and none has been freed since. */
  full = false;
  readonly #reclaimers: ((bytes: number) => Promise<void>)[] = [];

  constructor(sizeBytesMax: number, waitingBytesMax: number) {
    this.sizeBytesMax = sizeBytesMax;
    this.waitingBytesMax = waitingBytesMax;
  }

  /** `reclaim` deletes committed segments until so many bytes are free or none is left, and calls `free`. */
  onReclaim(reclaim: (bytes: number) => Promise<void>): void {
    this.#reclaimers.push(reclaim);
  }

  /** A committed segment of so many bytes is gone. */
  free(bytes: number): void {
    this.sizeBytes -= bytes;
    this.full = false;
  }

  /** Takes `bytes` of disk, after deleting what may be deleted if it must; false, and nothing is taken, if they do not fit. */
  async take(bytes: number): Promise<boolean> {
    this.sizeBytes += bytes;
    const excess = () => this.sizeBytes - this.sizeBytesMax;
    for (const reclaim of this.#reclaimers) if (excess() > 0) await reclaim(excess());
    this.full = excess() > 0;
    if (this.full) this.sizeBytes -= bytes;
    return !this.full;
  }

  /** Gives back what was taken and could not be written. */
  giveBack(bytes: number): void {
    this.sizeBytes -= bytes;
  }
}
