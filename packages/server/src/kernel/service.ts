// The interface of every role for main.ts: it starts, drains and closes. No role knows another.

/** A running role. */
export interface Service {
  readonly name: string;
  /** Why the role cannot serve now, for /readyz; undefined if it can. */
  unready(): string | undefined;
  /**
   * Finishes the work that has begun: says goodbye to clients, flushes, acknowledges. Takes no new
   * work.
   */
  drain(): Promise<void>;
  /** Releases everything. Called after drain, or at once. */
  close(): Promise<void>;
}
