// The seam between the live servers and the archiver: a durable, partitioned, append-only log.
// Values go in; the same values come out with an offset and an append time. Entries of one key are
// in one partition, in append order.

/** One entry as readers see it. Readers see only durable entries. */
export interface LogEntry {
  /** Position in the partition; each entry's is exactly 1 more than the one before. */
  readonly offset: number;
  /**
   * When the log took the entry, Unix milliseconds. Never decreases within a partition of the file
   * log; may decrease in other adapters.
   */
  readonly appendTimeMs: number;
  /** The stream's name; empty for ticks. */
  readonly key: string;
  readonly value: Uint8Array;
}

/** Why the log refused an append. */
export type LogRefusal = 'full' | 'closed' | 'failed';

/**
 * The log did not take an entry and will not retry it: readers do not see it. There is one
 * exception: if a disk or broker failed so badly that the log could not undo the write, the entry
 * may appear after a restart. It is then a copy of the entry that was sent again.
 */
export class LogRefusedError extends Error {
  override readonly name = 'LogRefusedError';
  readonly refusal: LogRefusal;
  constructor(refusal: LogRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
  }
}

/** One partition, for the group member that it is assigned to. */
export interface LogPartition {
  /** From 0. */
  readonly number: number;
  /** The oldest offset that is still kept. */
  earliestOffset(): Promise<number>;
  /**
   * Where the group continues: the offset after the last committed entry; undefined before the
   * first commit.
   */
  committedOffset(): Promise<number | undefined>;
  /**
   * Durably commits: entries before `offset` are processed. Moves only forward: a lower offset
   * changes nothing. While the disk or broker refuses the commit, it is retried. Rejects if the
   * partition is taken away first. Throws RangeError beyond the end.
   */
  commit(offset: number): Promise<void>;
  /**
   * Reads entries from `offset` on, in batches, and waits at the end for more. A batch has at least
   * one entry, and at most about 1 MiB unless one entry is larger. Ends when `signal` aborts.
   * Throws NOT_FOUND if `offset` is no longer kept, RangeError if it is beyond the end, CORRUPT if
   * an entry is damaged.
   */
  read(offset: number, signal: AbortSignal): AsyncIterable<readonly LogEntry[]>;
  /** Durably appends to this partition (ticks); resolves to the entry's offset. */
  append(value: Uint8Array): Promise<number>;
}

/** How far a log is archived, for a process that does not open the log. */
export interface CommittedOffsets {
  /** The log's id. */
  readonly log: string;
  /** By partition: the offset after the last committed entry; undefined before the first commit. */
  readonly partitions: readonly (number | undefined)[];
}

/** This process's member of the consumer group. */
export interface LogConsumer {
  /** Rejects when a partition's `run` has thrown; otherwise stays pending until close. */
  readonly failed: Promise<never>;
  /** Aborts every `run`'s signal, waits until all have returned, and leaves the group. */
  close(): Promise<void>;
}

/** The log. Adapters: file/ (embedded), kafka/. */
export interface Log {
  /**
   * Names this log in archive paths: [A-Za-z0-9_-]{1,64}. It is stored with the log and never
   * changes.
   */
  readonly id: string;
  /** Never changes. */
  readonly partitionCount: number;
  /** Whether only this process can use the log. */
  readonly embedded: boolean;
  /**
   * Resolves to the partition and offset once the entry is durable. Rejects with LogRefusedError if
   * the log does not take the entry, and with RangeError if it is longer than any log takes (16
   * MiB). Entries become durable in the order of the calls. A write that fails also refuses the
   * entries that wait after it. `value` must not change until the promise settles.
   */
  append(key: string, value: Uint8Array): Promise<{ partition: number; offset: number }>;
  /** Whether the log takes appends now, for /readyz. */
  writable(): boolean;
  /**
   * Joins the consumer group. `run` is called for every partition assigned to this process; its
   * signal aborts when the partition is taken away.
   */
  consume(run: (partition: LogPartition, signal: AbortSignal) => Promise<void>): Promise<LogConsumer>;
  /** Settles the appends that are not yet durable, then closes. */
  close(): Promise<void>;
}
