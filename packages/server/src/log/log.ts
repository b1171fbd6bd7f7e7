// The seam between the live servers and the archiver: a durable, partitioned, append-only log. Values in, the same
// values out with an offset and an append time. Entries of one key lie in one partition, in append order.

/** One entry as readers see it. Only durable entries are seen. */
export interface LogEntry {
  /** Position in the partition: rises by exactly 1 from entry to entry. */
  readonly offset: number;
  /** When the log took the entry, Unix milliseconds. Never decreases within a partition of the file log; may in others. */
  readonly appendTimeMs: number;
  /** The stream's name; empty for ticks. */
  readonly key: string;
  readonly value: Uint8Array;
}

/** Why an append was not taken. */
export type LogRefusal = 'full' | 'closed' | 'failed';

/** The log did not take an entry, and will not by itself: readers do not see it. (After a disk or a broker failed so that it could not even be taken back, it may yet show after a restart; it is then a copy of what was sent again.) */
export class LogRefusedError extends Error {
  override readonly name = 'LogRefusedError';
  readonly refusal: LogRefusal;
  constructor(refusal: LogRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
  }
}

/** One partition, as the member that it is assigned to uses it. */
export interface LogPartition {
  /** From 0. */
  readonly number: number;
  /** The oldest offset still kept. */
  earliestOffset(): Promise<number>;
  /** Where the group goes on: the offset after the last one committed; undefined before the first commit. */
  committedOffset(): Promise<number | undefined>;
  /** Durably commits: entries before `offset` are processed. Only moves forward: a lower offset changes nothing. While disk or broker refuse it, it is tried again, until the partition is taken away: then it rejects. RangeError beyond the end. */
  commit(offset: number): Promise<void>;
  /**
   * Entries from `offset` on, in batches (at least one entry, about 1 MiB at the most unless one entry is larger), waiting
   * at the end for more. Ends when `signal` aborts. Throws NOT_FOUND if `offset`
   * is not kept any more, RangeError if it is beyond the end, CORRUPT if an entry is damaged.
   */
  read(offset: number, signal: AbortSignal): AsyncIterable<readonly LogEntry[]>;
  /** Durably appends to this very partition (ticks); resolves to the entry's offset. */
  append(value: Uint8Array): Promise<number>;
}

/** How far a log is archived, for who does not open it. */
export interface CommittedOffsets {
  /** The log's id. */
  readonly log: string;
  /** By partition: the offset after the last one committed; undefined before the first commit. */
  readonly partitions: readonly (number | undefined)[];
}

/** A consumer group's member in this process. */
export interface LogConsumer {
  /** Rejects when a partition's `run` has thrown; otherwise stays pending until close. */
  readonly failed: Promise<never>;
  /** Aborts every `run`'s signal, waits until they have returned, and leaves the group. */
  close(): Promise<void>;
}

/** The log. Adapters: file/ (embedded), kafka/. */
export interface Log {
  /** Names this log in archive paths: [A-Za-z0-9_-]{1,64}, stored with the log, never changes. */
  readonly id: string;
  /** Never changes. */
  readonly partitionCount: number;
  /** Whether only this process can use it. */
  readonly embedded: boolean;
  /**
   * Resolves once the entry is durable, to its partition and offset. Rejects with LogRefusedError if it is not taken, and with
   * RangeError if it is longer than any log takes (16 MiB). Entries become durable in the order of the calls; what waits behind
   * a failed write is refused with it. `value` must not change until then.
   */
  append(key: string, value: Uint8Array): Promise<{ partition: number; offset: number }>;
  /** Whether appends are being taken now, for /readyz. */
  writable(): boolean;
  /** Joins the consumer group: `run` is called for every partition assigned to this process; its signal aborts when the partition is taken away. */
  consume(run: (partition: LogPartition, signal: AbortSignal) => Promise<void>): Promise<LogConsumer>;
  /** Flushes and closes. Appends not yet durable are settled first. */
  close(): Promise<void>;
}
