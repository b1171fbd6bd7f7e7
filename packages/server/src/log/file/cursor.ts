// One reader's place in a partition: batches of entries out, each offset once and in order, over as many files as it takes.
// It stays within the durable extent; whatever does not fit the file's own promises is CORRUPT.
import { type FileHandle, open } from 'node:fs/promises';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry } from '../log.ts';
import { type Extent, findSegment, type Segment } from './segment.ts';
import { readRecords } from './segment-reader.ts';

/** Where one reader is: it knows the byte position of its next entry, so going on needs no search. */
export class Cursor {
  next: number;
  readonly #extent: Extent;
  #segment: Segment | undefined;
  #handle: FileHandle | undefined;
  /** Offset and byte position that reading goes on from; before `next` while it is being looked for. */
  #at = { offset: 0, position: 0 };

  constructor(extent: Extent, next: number) {
    this.#extent = extent;
    this.next = next;
  }

  /** The next entries; none while the cursor is still looking for its first. */
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

  /** Opens the segment that holds the next entry, at its beginning. */
  async #enter(): Promise<void> {
    await this.close();
    const { segments } = this.#extent;
    const segment = findSegment(segments, this.next);
    const gone = () => new HayateError('NOT_FOUND', `offset ${this.next} is not kept any more; the oldest is ${segments[0]?.firstOffset}`);
    if (segment === undefined) throw gone();
    if (segment === this.#segment)
      throw new HayateError('CORRUPT', `${segment.path} ends before offset ${this.next}, which the next file does not begin with`);
    this.#handle = await open(segment.path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' && !segments.includes(segment) ? gone() : error;
    });
    this.#segment = segment;
    this.#at = { offset: segment.firstOffset, position: 0 };
  }
}
