// The place of one reader in a partition. It returns batches of entries, each offset once and in
// order, across segment files. It reads only the durable extent, and reports content that
// contradicts the file format as CORRUPT.
import { type FileHandle, open } from 'node:fs/promises';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry } from '../log.ts';
import { type Extent, findSegment, type Segment } from './segment.ts';
import { readRecords } from './segment-reader.ts';

/**
 * The position of one reader. It knows the byte position of its next entry, so that continuing
 * needs no search.
 */
export class Cursor {
  next: number;
  readonly #extent: Extent;
  #segment: Segment | undefined;
  #handle: FileHandle | undefined;
  /**
   * The offset and byte position where the next read starts; before `next` while the cursor
   * searches its first entry.
   */
  #at = { offset: 0, position: 0 };

  constructor(extent: Extent, next: number) {
    this.#extent = extent;
    this.next = next;
  }

  /** The next entries; none while the cursor still searches its first. */
  async read(): Promise<readonly LogEntry[]> {
    if (this.#segment === undefined || this.#at.position === this.#segment.bytes) await this.#enter();
    if (this.#segment === undefined || this.#handle === undefined) throw new Error('a cursor that has entered a segment holds its file');
    const { path, bytes: limit } = this.#segment;
    const { offset, position } = this.#at;
    const batch = await readRecords({ handle: this.#handle, path, position, limit, offset, checksumSeed: this.#extent.checksumSeed });
    const [first] = batch.entries;
    if (first === undefined) throw new HayateError('CORRUPT', `${path} at byte ${batch.position}: ${batch.fault ?? 'no entry'}`);
    this.#at = { offset: offset + batch.entries.length, position: batch.position };
    const wanted = batch.entries.slice(Math.max(0, this.next - first.offset));
    this.next += wanted.length;
    return wanted;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** Opens the segment that holds the next entry, at the segment's beginning. */
  async #enter(): Promise<void> {
    await this.close();
    const { segments } = this.#extent;
    const segment = findSegment(segments, this.next);
    const gone = () => new HayateError('NOT_FOUND', `offset ${this.next} is no longer kept; the oldest is ${segments[0]?.firstOffset}`);
    if (segment === undefined) throw gone();
    if (segment === this.#segment)
      throw new HayateError('CORRUPT', `${segment.path} ends before offset ${this.next}, and no other file holds that offset`);
    this.#handle = await open(segment.path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' && !segments.includes(segment) ? gone() : error;
    });
    this.#segment = segment;
    this.#at = { offset: segment.firstOffset, position: 0 };
  }
}
