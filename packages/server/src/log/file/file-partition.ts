// One partition of the file log: its entries, its committed offset, and the deletion of old files.
// Appends go through its group commit. Readers see only the durable extent. No entry at or after
// the committed offset is deleted.
import { type EventEmitter, once } from 'node:events';
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { replaceFile, syncDirectory } from '../../kernel/durable-file.ts';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry, LogPartition } from '../log.ts';
import { Cursor } from './cursor.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Extent, Segment } from './segment.ts';
import type { SegmentWriter } from './segment-writer.ts';
import type { Space } from './space.ts';

/** How long committed entries are kept for reading them again. */
export interface Retention {
  readonly retainBytes: number;
  readonly retainMs: number;
}

/** The parts of a partition; openFileLog assembles them. */
interface FilePartitionParts {
  readonly number: number;
  readonly extent: Extent;
  readonly committed: number | undefined;
  readonly group: GroupCommit;
  readonly writer: SegmentWriter;
  readonly space: Space;
  readonly retention: Retention;
  readonly now: () => number;
  /** Emits 'durable' when the extent has grown. */
  readonly events: EventEmitter;
  /** Called when a committed segment could not be deleted. */
  readonly onUndeleted: (error: unknown) => void;
  /** Called when a commit failed and will be retried. */
  readonly onUncommitted: (error: unknown) => void;
}

/** The pauses between retries of a commit that the disk refuses. */
const COMMIT_PAUSE_MS_MIN = 50;
const COMMIT_PAUSE_MS_MAX = 5_000;

/** The name of the file that holds the committed offset, in decimal. */
const COMMITTED = 'committed';

/**
 * The committed offset stored in a partition's directory; undefined before the first commit. Throws
 * CORRUPT.
 */
export async function readCommitted(extent: Extent): Promise<number | undefined> {
  const offset = await readCommittedFile(extent.directory);
  const earliest = extent.segments[0]?.firstOffset ?? 0;
  // Committed entries are durable, and uncommitted ones are never deleted, so an offset outside
  // these bounds means that files are missing.
  if (offset === undefined ? earliest > 0 : !(offset >= earliest && offset <= extent.nextOffset))
    throw new HayateError(
      'CORRUPT',
      `${join(extent.directory, COMMITTED)} says ${offset}, but offsets ${earliest} to ${extent.nextOffset} are kept`,
    );
  return offset;
}

/**
 * Reads the committed offset like readCommitted, but without the check against the segments, for
 * callers that do not open the partition.
 */
export async function readCommittedFile(directory: string): Promise<number | undefined> {
  const path = join(directory, COMMITTED);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined && !/^\d{1,16}\n$/.test(text)) throw new HayateError('CORRUPT', `${path} says ${JSON.stringify(text)}`);
  return text === undefined ? undefined : Number(text);
}

/** A partition of the embedded adapter. */
export class FilePartition implements LogPartition {
  readonly number: number;
  readonly group: GroupCommit;
  readonly #parts: FilePartitionParts;
  #committed: number | undefined;
  /** Commits and deletions run one after another. */
  #upkeep: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** The signal of the consumer that the partition is assigned to. */
  #assigned: AbortSignal | undefined;
  /** The number of commits that the disk has refused and that are being retried. */
  #uncommitted = 0;

  constructor(parts: FilePartitionParts) {
    this.number = parts.number;
    this.group = parts.group;
    this.#parts = parts;
    this.#committed = parts.committed;
    parts.space.onReclaim((bytes) => this.#exclusively(() => this.#reclaim(bytes)));
    // There is one listener per reader, and this file does not limit the number of readers.
    parts.events.setMaxListeners(0);
  }

  async earliestOffset(): Promise<number> {
    return this.#parts.extent.segments[0]?.firstOffset ?? 0;
  }

  async committedOffset(): Promise<number | undefined> {
    return this.#committed;
  }

  /** When this signal aborts, the consumer's pending commits give up. */
  assign(signal: AbortSignal): void {
    this.#assigned = signal;
  }

  /** Also deletes committed segments beyond retention. Retries while the disk refuses. */
  async commit(offset: number): Promise<void> {
    const assigned = this.#assigned;
    let failed = false;
    try {
      for (let pauseMs = COMMIT_PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, COMMIT_PAUSE_MS_MAX)) {
        try {
          return await this.#exclusively(() => this.#commit(offset));
        } catch (error) {
          if (error instanceof HayateError || error instanceof RangeError || assigned?.aborted === true) throw error;
          if (!failed) this.#uncommitted++;
          failed = true;
          this.#parts.onUncommitted(error);
          await wait(pauseMs, undefined, assigned === undefined ? {} : { signal: assigned });
        }
      }
    } finally {
      if (failed) this.#uncommitted--;
    }
  }

  append(value: Uint8Array): Promise<number> {
    return this.group.append('', value);
  }

  async *read(offset: number, signal: AbortSignal): AsyncGenerator<readonly LogEntry[], void, undefined> {
    const { extent, events } = this.#parts;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > extent.nextOffset)
      throw new RangeError(`offset ${offset} cannot be read: the next entry is ${extent.nextOffset}`);
    const cursor = new Cursor(extent, offset);
    try {
      while (!signal.aborted && !this.#closed) {
        if (cursor.next < extent.nextOffset) {
          const entries = await cursor.read();
          if (entries.length > 0) yield entries;
        } else await once(events, 'durable', { signal }).catch(() => undefined);
      }
    } finally {
      await cursor.close();
    }
  }

  /** Whether an append would be tried now and no commit is failing. */
  writable(): boolean {
    return this.#uncommitted === 0 && this.group.writable();
  }

  /** Whether a full log could free space here. */
  reclaimable(): boolean {
    return this.#deletable().length > 0;
  }

  /** Settles appends, ends readers and closes files. */
  async close(): Promise<void> {
    await this.group.close();
    this.#closed = true;
    this.#parts.events.emit('durable');
    await this.#upkeep;
    await this.#parts.writer.close();
  }

  /**
   * Deletes segments beyond retention. Also called at opening, since limits and time have changed.
   */
  retire(): Promise<void> {
    return this.#exclusively(() => this.#retire());
  }

  async #commit(offset: number): Promise<void> {
    const { extent } = this.#parts;
    // Another process may have the directory open by now.
    if (this.#closed) throw new HayateError('CLOSED', 'the log is closed');
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > extent.nextOffset)
      throw new RangeError(`offset ${offset} cannot be committed: the next entry is ${extent.nextOffset}`);
    if (this.#committed !== undefined && offset <= this.#committed) return;
    await replaceFile(join(extent.directory, COMMITTED), `${offset}\n`);
    this.#committed = offset;
    await this.#retire();
  }

  async #retire(): Promise<void> {
    const { retention, now } = this.#parts;
    const deletable = this.#deletable();
    let bytes = deletable.reduce((sum, segment) => sum + segment.bytes, 0);
    for (const segment of deletable) {
      if (bytes <= retention.retainBytes && now() - segment.lastWriteMs <= retention.retainMs) return;
      bytes -= segment.bytes;
      if (!(await this.#delete(segment))) return;
    }
  }

  async #reclaim(bytes: number): Promise<void> {
    let freed = 0;
    for (const segment of this.#deletable()) {
      if (freed >= bytes || !(await this.#delete(segment))) return;
      freed += segment.bytes;
    }
  }

  /** Segments that lie wholly before the committed offset, oldest first. */
  #deletable(): Segment[] {
    const { segments } = this.#parts.extent;
    const committed = this.#committed ?? 0;
    return segments.filter((_, index) => {
      const next = segments[index + 1];
      // The newest append time must stay readable, so the segment before an empty last segment is
      // kept.
      return next !== undefined && next.firstOffset <= committed && next.bytes > 0;
    });
  }

  async #delete(segment: Segment): Promise<boolean> {
    const { extent, space, onUndeleted } = this.#parts;
    try {
      // Makes the deletion of the file before it durable, so that a power cut leaves no gap between
      // older files.
      await syncDirectory(extent.directory);
      await unlink(segment.path);
    } catch (error) {
      onUndeleted(error);
      return false;
    }
    extent.segments.splice(extent.segments.indexOf(segment), 1);
    space.free(segment.bytes);
    return true;
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#upkeep.then(action);
    this.#upkeep = done.catch(() => undefined);
    return done;
  }
}
