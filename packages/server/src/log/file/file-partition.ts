// One partition of the file log: its entries, how far the archiver has come, and which old files may go. Appends go
// through its group commit; readers see the durable extent only; nothing at or after the committed offset is deleted.
import { type EventEmitter, once } from 'node:events';
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { replaceFile } from '../../kernel/durable-file.ts';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry, LogPartition } from '../log.ts';
import { Cursor } from './cursor.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Extent, Segment } from './segment.ts';
import type { SegmentWriter } from './segment-writer.ts';
import type { Space } from './space.ts';

/** How long committed entries are kept for those who want to read them again. */
export interface Retention {
  readonly retainBytes: number;
  readonly retainMs: number;
}

/** What a partition is made of; openFileLog puts it together. */
export interface FilePartitionParts {
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
  /** A committed segment could not be deleted. */
  readonly onUndeleted: (error: unknown) => void;
  /** A commit failed, and is tried again. */
  readonly onUncommitted: (error: unknown) => void;
}

/** Pauses between the tries of a commit that the disk refuses. */
const COMMIT_PAUSE_MS_MIN = 50;
const COMMIT_PAUSE_MS_MAX = 5_000;

/** The file that holds the committed offset, in decimal. */
const COMMITTED = 'committed';

/** The committed offset stored in a partition's directory; undefined before the first commit. Throws CORRUPT. */
export async function readCommitted(extent: Extent): Promise<number | undefined> {
  const offset = await readCommittedFile(extent.directory);
  const earliest = extent.segments[0]?.firstOffset ?? 0;
  // Committed is durable, and what is not committed is never deleted: beyond these bounds, files are missing.
  if (offset === undefined ? earliest > 0 : !(offset >= earliest && offset <= extent.nextOffset))
    throw new HayateError(
      'CORRUPT',
      `${join(extent.directory, COMMITTED)} says ${offset}, but offsets ${earliest} to ${extent.nextOffset} are kept`,
    );
  return offset;
}

/** As readCommitted, whatever the partition holds: for who does not open it. */
export async function readCommittedFile(directory: string): Promise<number | undefined> {
  const path = join(directory, COMMITTED);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined && !/^\d{1,16}\n$/.test(text)) throw new HayateError('CORRUPT', `${path} says ${JSON.stringify(text)}`);
  return text === undefined ? undefined : Number(text);
}

/** The embedded adapter's partition. */
export class FilePartition implements LogPartition {
  readonly number: number;
  readonly group: GroupCommit;
  readonly #parts: FilePartitionParts;
  #committed: number | undefined;
  /** Commits and deletions, one after another. */
  #upkeep: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Of whom it is assigned to. */
  #assigned: AbortSignal | undefined;
  /** Commits that the disk has refused and that are being tried again. */
  #uncommitted = 0;

  constructor(parts: FilePartitionParts) {
    this.number = parts.number;
    this.group = parts.group;
    this.#parts = parts;
    this.#committed = parts.committed;
    parts.space.onReclaim((bytes) => this.#exclusively(() => this.#reclaim(bytes)));
    // One per reader; how many there are is not this file's business.
    parts.events.setMaxListeners(0);
  }

  async earliestOffset(): Promise<number> {
    return this.#parts.extent.segments[0]?.firstOffset ?? 0;
  }

  async committedOffset(): Promise<number | undefined> {
    return this.#committed;
  }

  /** Commits of the consumer are given up when its signal aborts. */
  assign(signal: AbortSignal): void {
    this.#assigned = signal;
  }

  /** Also deletes committed segments that retention does not keep. While the disk refuses it, it is tried again. */
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

  /** Whether an append would be tried now, and what is archived could be committed. */
  writable(): boolean {
    return this.#uncommitted === 0 && this.group.writable();
  }

  /** Whether a full log could make room here. */
  reclaimable(): boolean {
    return this.#deletable().length > 0;
  }

  /** Settles appends, ends readers, releases files. */
  async close(): Promise<void> {
    await this.group.close();
    this.#closed = true;
    this.#parts.events.emit('durable');
    await this.#upkeep;
    await this.#parts.writer.close();
  }

  /** Deletes what retention does not keep. Also at opening, since limits and time have moved on. */
  retire(): Promise<void> {
    return this.#exclusively(() => this.#retire());
  }

  async #commit(offset: number): Promise<void> {
    const { extent } = this.#parts;
    // The directory may be another process's by now.
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

  /** Segments wholly before the committed offset, oldest first. */
  #deletable(): Segment[] {
    const { segments } = this.#parts.extent;
    const committed = this.#committed ?? 0;
    return segments.filter((_, index) => {
      const next = segments[index + 1];
      // The newest append time must stay readable: before an empty last segment one more is kept.
      return next !== undefined && next.firstOffset <= committed && next.bytes > 0;
    });
  }

  async #delete(segment: Segment): Promise<boolean> {
    const { extent, space, onUndeleted } = this.#parts;
    try {
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
