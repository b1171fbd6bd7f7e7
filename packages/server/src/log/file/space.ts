// The space of a log, on disk and in memory, over all its partitions. At the disk limit, committed
// segments are deleted first, even those that retention would keep. Uncommitted segments stay, and
// appends are refused instead.

/** Shared by all partitions of one log. */
export class Space {
  readonly sizeBytesMax: number;
  readonly waitingBytesMax: number;
  /** Bytes of segment files, durable or being written. */
  sizeBytes = 0;
  /** Bytes of entries that wait to become durable. */
  waitingBytes = 0;
  /** Disk space ran out for an entry, and none has been freed since. */
  full = false;
  readonly #reclaimers: ((bytes: number) => Promise<void>)[] = [];

  constructor(sizeBytesMax: number, waitingBytesMax: number) {
    this.sizeBytesMax = sizeBytesMax;
    this.waitingBytesMax = waitingBytesMax;
  }

  /**
   * Registers `reclaim`, which deletes committed segments until this many bytes are free or no
   * committed segment is left. It calls `free` for each.
   */
  onReclaim(reclaim: (bytes: number) => Promise<void>): void {
    this.#reclaimers.push(reclaim);
  }

  /** A committed segment of this many bytes has been deleted. */
  free(bytes: number): void {
    this.sizeBytes -= bytes;
    this.full = false;
  }

  /**
   * Reserves `bytes` of disk, after deleting committed segments if necessary. Returns false, and
   * reserves nothing, if they do not fit.
   */
  async take(bytes: number): Promise<boolean> {
    this.sizeBytes += bytes;
    const excess = () => this.sizeBytes - this.sizeBytesMax;
    for (const reclaim of this.#reclaimers) if (excess() > 0) await reclaim(excess());
    this.full = excess() > 0;
    if (this.full) this.sizeBytes -= bytes;
    return !this.full;
  }

  /** Returns reserved bytes that could not be written. */
  giveBack(bytes: number): void {
    this.sizeBytes -= bytes;
  }
}
