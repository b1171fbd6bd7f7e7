// The partitions that this process works on. In: the group's assignment. Out: one `run` for each
// partition, whose signal is aborted when the partition is taken away. A partition's next run waits
// until the last one has returned, however it was lost.

/** Works on a partition until the signal aborts. */
export type Run = (partition: number, signal: AbortSignal) => Promise<void>;

interface Running {
  readonly ending: AbortController;
  readonly returned: Promise<void>;
}

/** Runs by partition. */
export class PartitionRuns {
  readonly #run: Run;
  readonly #onFailure: (error: unknown) => void;
  readonly #running = new Map<number, Running>();
  /** Aborted and not yet returned. */
  readonly #leaving = new Map<number, Promise<void>>();

  /** `onFailure` gets the error of a run whose partition has not been taken away. */
  constructor(run: Run, onFailure: (error: unknown) => void) {
    this.#run = run;
    this.#onFailure = onFailure;
  }

  /**
   * The partitions that this process holds: assigned and not taken away. A partition whose run has
   * failed is still held.
   */
  get owned(): number[] {
    return [...this.#running.keys()].sort((a, b) => a - b);
  }

  /**
   * Aborts the runs of partitions that are not in `partitions` and starts the new ones. Resolves
   * when all aborted runs have returned.
   */
  async assign(partitions: readonly number[]): Promise<void> {
    const wanted = new Set(partitions);
    for (const [partition, { ending, returned }] of this.#running) {
      if (wanted.has(partition)) continue;
      this.#running.delete(partition);
      this.#leaving.set(partition, returned);
      void returned.then(() => {
        if (this.#leaving.get(partition) === returned) this.#leaving.delete(partition);
      });
      ending.abort();
    }
    for (const partition of wanted) if (!this.#running.has(partition)) this.#start(partition);
    await Promise.all(this.#leaving.values());
  }

  #start(partition: number): void {
    const ending = new AbortController();
    const before = this.#leaving.get(partition);
    const returned = (async () => {
      await before;
      if (ending.signal.aborted) return;
      try {
        await this.#run(partition, ending.signal);
      } catch (error) {
        if (!ending.signal.aborted) this.#onFailure(error);
      }
    })();
    this.#running.set(partition, { ending, returned });
  }
}
