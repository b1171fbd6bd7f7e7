// Waits for a client. In: conditions. Out: the moment at which they hold. Each message, line and
// close wakes the waiters, so nothing is polled and the client alone sets the pace.

/** Values that mean "not yet". */
type NotYet = undefined | null | false;

/** The waiters of one scenario. */
export class Waiting {
  readonly #waiters = new Set<() => void>();

  /** Wakes the waiters: something has happened. */
  wake(): void {
    for (const look of [...this.#waiters]) look();
  }

  /**
   * Resolves to the first value that `condition` returns; to undefined after `timeoutMs`, or as
   * soon as `hopeless` holds.
   */
  until<T>(condition: () => T | NotYet, timeoutMs: number, hopeless: () => boolean = () => false): Promise<T | undefined> {
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const settle = (value: T | undefined) => {
      this.#waiters.delete(look);
      clearTimeout(timer);
      resolve(value);
    };
    const look = () => {
      const value = condition();
      if (value !== undefined && value !== null && value !== false) settle(value);
      else if (hopeless()) settle(undefined);
    };
    const timer = setTimeout(() => settle(undefined), timeoutMs);
    this.#waiters.add(look);
    look();
    return promise;
  }
}
