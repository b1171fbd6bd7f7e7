// What every role is to main.ts: something that starts, drains and closes. No role knows another.

/** A running role. */
export interface Service {
  readonly name: string;
  /** Undefined when it can serve; otherwise why not, for /readyz. */
  unready(): string | undefined;
  /** Finishes what has begun: says goodbye to clients, flushes, acknowledges. Takes no new work. */
  drain(): Promise<void>;
  /** Releases everything. After drain, or at once. */
  close(): Promise<void>;
}
