// Typed events, one mechanism for the whole SDK. In: an event's name and a listener. Out: a
// function that removes the listener. A listener that throws is reported as an uncaught error and
// never stops the others.

/** Removes the listener. */
export type Unsubscribe = () => void;

/**
 * A source of the events in `Events`, which maps each event's name to the argument of its
 * listeners.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(detail: never) => void>>();

  /** Adds `listener` for `name`. Adding the same function twice has no further effect. */
  on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): Unsubscribe {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Resolves with the next event of `name`. */
  once<Name extends keyof Events>(name: Name): Promise<Events[Name]> {
    return new Promise((resolve) => {
      const off = this.on(name, (detail) => {
        off();
        resolve(detail);
      });
    });
  }

  /** Calls the listeners of `name`, in the order in which they were added. */
  protected emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (detail: Events[Name]) => void)(detail);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
