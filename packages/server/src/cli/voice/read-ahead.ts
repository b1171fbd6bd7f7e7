// What comes one after another in, ahead of its use and up to a bound; the next of it out at once, if it has come. The source
// waits while as many wait here as may.

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

  /** The next item, if it has come. */
  get first(): T | undefined {
    return this.#waiting[0];
  }

  /** Whether everything has been taken. Throws what the source threw, when everything before has been taken. */
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

  /** Resolves when the read that is under way has ended, with an item or without; at once if none is. */
  more(): Promise<void> {
    return this.#reading ?? Promise.resolve();
  }

  /** Ends the source. It may not answer while a read is under way, so nothing waits for it. */
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
