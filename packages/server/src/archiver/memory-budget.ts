// The memory that all partitions of a process share for gathered data. When it is full, a partition
// waits before it takes more. One partition is elected and does not wait: the one that holds most.
// It continues to the end of its cut and then returns all its memory. So no partition waits
// forever, and together they hold at most the budget, one cut, and one entry for each partition.

/** One partition's part of the budget. */
export class MemoryShare {
  readonly #budget: MemoryBudget;
  readonly #onElected: () => void;
  #heldBytes = 0;

  constructor(budget: MemoryBudget, onElected: () => void) {
    this.#budget = budget;
    this.#onElected = onElected;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Sets the bytes that it holds now. 0 ends its turn if it was elected. */
  hold(bytes: number): void {
    const before = this.#heldBytes;
    this.#heldBytes = bytes;
    if (bytes !== before) this.#budget.changed(this, bytes - before);
  }

  /** Whether it may take more now. If not, `wait`. */
  get open(): boolean {
    return this.#budget.admits(this);
  }

  /** Resolves when it may take more, or the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return this.#budget.wait(this, signal);
  }

  /** Tells the partition that the others wait for its cut to end. */
  elected(): void {
    this.#onElected();
  }

  /** Returns all its memory, and leaves the budget. */
  leave(): void {
    this.hold(0);
    this.#budget.leave(this);
  }
}

/** Receives the budget's events for metrics. */
interface BudgetObserver {
  /** A partition begins to wait. */
  waits(): void;
  /** Reports the total of all partitions. */
  holds(bytes: number): void;
}

/** One per process. */
export class MemoryBudget {
  readonly #bytesMax: number;
  readonly #observer: BudgetObserver;
  readonly #shares = new Set<MemoryShare>();
  readonly #waiting = new Map<MemoryShare, () => void>();
  #heldBytes = 0;
  #elected: MemoryShare | undefined;

  constructor(bytesMax: number, observer: BudgetObserver) {
    this.#bytesMax = bytesMax;
    this.#observer = observer;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Makes a share for a partition. `onElected` is called each time the others begin to wait for its
   * cut to end.
   */
  join(onElected: () => void): MemoryShare {
    const share = new MemoryShare(this, onElected);
    this.#shares.add(share);
    return share;
  }

  /** Called by shares only. */
  changed(share: MemoryShare, bytes: number): void {
    this.#heldBytes += bytes;
    this.#observer.holds(this.#heldBytes);
    if (bytes > 0) return;
    const ended = share === this.#elected && share.heldBytes === 0;
    if (ended || this.#heldBytes < this.#bytesMax) this.#settle();
  }

  /** Called by shares only. */
  admits(share: MemoryShare): boolean {
    if (this.#heldBytes < this.#bytesMax || share === this.#elected) return true;
    if (this.#elected === undefined) this.#elect();
    return share === this.#elected;
  }

  /** Called by shares only. */
  async wait(share: MemoryShare, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.admits(share)) {
      this.#observer.waits();
      const { promise, resolve } = Promise.withResolvers<void>();
      const aborted = () => resolve();
      this.#waiting.set(share, resolve);
      signal.addEventListener('abort', aborted);
      await promise;
      signal.removeEventListener('abort', aborted);
      this.#waiting.delete(share);
    }
  }

  /** Called by shares only. */
  leave(share: MemoryShare): void {
    this.#shares.delete(share);
    if (share === this.#elected) this.#settle();
  }

  /**
   * Ends the election, because the elected share's turn is over or there is room again. All waiting
   * shares check again.
   */
  #settle(): void {
    this.#elected = undefined;
    for (const resolve of [...this.#waiting.values()]) resolve();
  }

  #elect(): void {
    let most: MemoryShare | undefined;
    for (const share of this.#shares) if (share.heldBytes > (most?.heldBytes ?? 0)) most = share;
    this.#elected = most;
    most?.elected();
    // The elected share may be waiting itself.
    if (most !== undefined) this.#waiting.get(most)?.();
  }
}
