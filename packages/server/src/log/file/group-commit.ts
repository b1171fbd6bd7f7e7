// Many appends share few fsyncs: entries that arrive while one group becomes durable form the next
// group. Entries go in; their offsets come out, in the order of the calls. If a group fails, all
// waiting entries are refused with it. Otherwise a later entry of a stream could become durable
// before the caller learns that an earlier one was refused.
import { nowMonotonicMs } from '../../kernel/clock.ts';
import { type LogRefusal, LogRefusedError } from '../log.ts';
import type { LogMetric } from '../log-metric.ts';
import { ENTRY_BYTES_MAX, KEY_BYTES_MAX, recordBytes } from './record.ts';
import { GROUP_BYTES_MAX } from './recovery.ts';
import type { Extent } from './segment.ts';
import type { Incoming, SegmentWriter } from './segment-writer.ts';
import type { Space } from './space.ts';

/** The most entries of one group. */
const GROUP_ENTRIES_MAX = 4096;

/** The dependencies of a partition's group commit. */
interface GroupCommitOptions {
  readonly extent: Extent;
  readonly writer: SegmentWriter;
  readonly space: Space;
  readonly metric: LogMetric;
  /** A group is no larger than this, unless a single entry is. */
  readonly segmentBytesMax: number;
  /**
   * How long appends are refused after a failed write, before the next one tries the disk again.
   */
  readonly retryMs: number;
  /** Unix ms. */
  readonly now: () => number;
  /** Called when the extent has grown. */
  readonly onDurable: () => void;
  /** Called when the disk refused a group. */
  readonly onFailure: (error: unknown) => void;
}

interface Waiting extends Incoming {
  readonly since: number;
  readonly resolve: (offset: number) => void;
  readonly reject: (error: LogRefusedError) => void;
}

/** Takes the appends of one partition. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #groupBytesMax: number;
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #closed = false;
  #failure: { readonly refusal: LogRefusal; readonly cause: unknown; readonly untilMs: number } | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#groupBytesMax = Math.min(GROUP_BYTES_MAX, options.segmentBytesMax);
  }

  /**
   * Resolves to the entry's offset once the entry is durable. Rejects with LogRefusedError, or with
   * RangeError if the entry is too long.
   */
  async append(key: string, value: Uint8Array): Promise<number> {
    const { space, metric } = this.#options;
    const keyBytes = Buffer.from(key, 'utf8');
    if (keyBytes.length > KEY_BYTES_MAX || keyBytes.length + value.length > ENTRY_BYTES_MAX)
      throw new RangeError(`an entry of ${keyBytes.length} + ${value.length} bytes is too long for the log`);
    const bytes = recordBytes(keyBytes.length, value.length);
    const refused = this.#refusal(bytes);
    if (refused !== undefined) {
      metric.refused(refused.refusal, 1);
      throw refused;
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key: keyBytes, value, bytes, since: nowMonotonicMs(), resolve, reject });
      space.waitingBytes += bytes;
      this.#draining ??= this.#drain();
    });
  }

  /** Whether an append would be tried now. */
  writable(): boolean {
    return !this.#closed && !this.#paused();
  }

  /** Refuses new appends and settles the waiting ones. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
  }

  #paused(): boolean {
    return this.#failure !== undefined && nowMonotonicMs() < this.#failure.untilMs;
  }

  #refusal(bytes: number): LogRefusedError | undefined {
    const { waitingBytes, waitingBytesMax } = this.#options.space;
    if (this.#closed) return new LogRefusedError('closed', 'the log is closed');
    if (this.#failure !== undefined && this.#paused())
      return new LogRefusedError(this.#failure.refusal, 'the disk refused the last write', { cause: this.#failure.cause });
    if (waitingBytes + bytes > waitingBytesMax && waitingBytes > 0)
      return new LogRefusedError('full', `${waitingBytes} bytes already wait to become durable`);
    return undefined;
  }

  async #drain(): Promise<void> {
    // All appends of the same turn share the first group.
    await null;
    while (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
    this.#draining = undefined;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      bytes += entry.bytes;
      if (count > 0 && (bytes > this.#groupBytesMax || count === GROUP_ENTRIES_MAX)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(group: Waiting[]): Promise<void> {
    const { extent, space, metric, onDurable } = this.#options;
    const bytes = group.reduce((sum, entry) => sum + entry.bytes, 0);
    const first = extent.nextOffset;
    try {
      await this.#write(group, bytes);
    } catch (error) {
      this.#refuse([...group, ...this.#waiting.splice(0)], error);
      return;
    }
    this.#failure = undefined;
    space.waitingBytes -= bytes;
    const durableAt = nowMonotonicMs();
    metric.appended(
      bytes,
      group.map((entry) => (durableAt - entry.since) / 1000),
    );
    onDurable();
    for (const [index, entry] of group.entries()) entry.resolve(first + index);
  }

  async #write(group: readonly Waiting[], bytes: number): Promise<void> {
    const { extent, writer, space, now } = this.#options;
    if (!(await space.take(bytes))) throw new LogRefusedError('full', `the log's ${space.sizeBytesMax} bytes are in use`);
    try {
      await writer.write(group, Math.max(extent.lastAppendTimeMs, Math.floor(now())));
    } catch (error) {
      space.giveBack(bytes);
      throw error;
    }
  }

  #refuse(entries: readonly Waiting[], error: unknown): void {
    const { space, metric, retryMs, onFailure } = this.#options;
    let refused: LogRefusedError;
    if (error instanceof LogRefusedError) refused = error;
    else {
      const refusal = refusalOf(error);
      this.#failure = { refusal, cause: error, untilMs: nowMonotonicMs() + retryMs };
      refused = new LogRefusedError(refusal, refusal === 'full' ? 'the disk is full' : 'the disk failed', { cause: error });
      onFailure(error);
    }
    metric.refused(refused.refusal, entries.length);
    for (const entry of entries) {
      space.waitingBytes -= entry.bytes;
      entry.reject(refused);
    }
  }
}

/** 'full' if space may become free again, 'failed' for other disk errors. */
function refusalOf(error: unknown): LogRefusal {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' ? 'full' : 'failed';
}
