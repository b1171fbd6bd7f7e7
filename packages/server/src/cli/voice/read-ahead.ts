// Reads the items of an async source before they are needed, up to a limit. A reader takes the next
// item at once, if it has arrived. The source is paused while the limit is reached.

/** Reads `source` ahead. */
export class ReadAhead<T> {
  readonly #source: AsyncIterator<T>;
  readonly #limit: number;
  readonly #waiting: T[] = [];
  #hasEnded = false;
  #error: { readonly cause: unknown } | undefined;
  #reading: Promise<void> | undefined;

  /** Begins to read: at most `limit` items wait. */
  constructor(source: AsyncIterable<T>, limit: number) {
    this.#source = source[Symbol.asyncIterator]();
    this.#limit = limit;
    this.#read();
  }

  /** The next item, if it has arrived. */
  get first(): T | undefined {
    return this.#waiting[0];
  }

  /**
   * Whether everything has been taken. Throws the source's error once every item before it has been
   * taken.
   */
  get isOver(): boolean {
    if (this.#waiting.length > 0 || this.#reading !== undefined) return false;
    if (this.#error !== undefined) throw this.#error.cause;
    return this.#hasEnded;
  }

  /** Whether the source has been asked for the next item and has not answered. */
  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Takes the next item. */
  shift(): void {
    this.#waiting.shift();
    this.#read();
  }

  /**
   * Resolves when the current read has ended, with an item or without; at once if there is no read.
   */
  more(): Promise<void> {
    return this.#reading ?? Promise.resolve();
  }

  /**
   * Ends the source. The source may not answer while a read is pending, so nothing waits for it.
   */
  close(): void {
    this.#hasEnded = true;
    this.#source.return?.().catch(() => undefined);
  }

  #read(): void {
    if (this.#reading !== undefined || this.#hasEnded || this.#error !== undefined || this.#waiting.length >= this.#limit) return;
    this.#reading = this.#source.next().then(
      (next) => {
        if (next.done === true) this.#hasEnded = true;
        else this.#waiting.push(next.value);
        this.#reading = undefined;
        this.#read();
      },
      (cause: unknown) => {
        this.#error = { cause };
        this.#reading = undefined;
      },
    );
  }
}
