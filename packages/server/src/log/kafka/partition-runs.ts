// The partitions that this process works on: what the group assigns in, one `run` for each, its signal aborted when the
// partition is taken away. A partition's next run waits for its last one, however it was lost.

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

  /** `onFailure` is told what a run threw before its partition was taken away. */
  constructor(run: Run, onFailure: (error: unknown) => void) {
    this.#run = run;
    this.#onFailure = onFailure;
  }

  /** Partitions that this process holds: assigned and not taken away. One whose run has failed is held all the same. */
  get owned(): number[] {
    return [...this.#running.keys()].sort((a, b) => a - b);
  }

  /** Aborts the runs of what is not in `partitions`, starts what is new; resolves when all that was ever aborted has returned. */
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
