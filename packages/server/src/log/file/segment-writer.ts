// Appends groups of entries to a partition's last segment: one write, one fdatasync, then the
// extent grows. If any step fails, the extent stays the same, and the bytes beyond it are cut
// before the next write.
import type { FileHandle } from 'node:fs/promises';
import { open as openFile } from 'node:fs/promises';
import { syncDirectory } from '../../kernel/durable-file.ts';
import { HayateError } from '../../kernel/error.ts';
import { encodeRecordHead } from './record.ts';
import { type Extent, type Segment, segmentPath } from './segment.ts';
import { readRecords } from './segment-reader.ts';

/** An entry to be written. */
export interface Incoming {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Size of its record. */
  readonly bytes: number;
}

/** Opens a file as node:fs/promises does. Tests pass one whose disk fails. */
export type OpenFile = (path: string, flags: string) => Promise<FileHandle>;

/** The only writer of an extent. One call at a time. */
export class SegmentWriter {
  readonly #extent: Extent;
  readonly #segmentBytesMax: number;
  readonly #open: OpenFile;
  #handle: FileHandle | undefined;
  /** A write or sync has failed since the file was last checked. */
  #suspect = false;
  /**
   * A new file was begun and not finished. It must be finished before the next write, or its name
   * would be wrong.
   */
  #rolling = false;

  constructor(extent: Extent, segmentBytesMax: number, open: OpenFile = openFile) {
    this.#extent = extent;
    this.#segmentBytesMax = segmentBytesMax;
    this.#open = open;
  }

  /**
   * Writes the entries durably, with offsets from the extent's next one on. If it rejects, none of
   * them is in the extent.
   */
  async write(entries: readonly Incoming[], appendTimeMs: number): Promise<void> {
    const extent = this.#extent;
    const buffers = entries.flatMap(({ key, value }, index) => [
      encodeRecordHead({ offset: extent.nextOffset + index, appendTimeMs, placeInGroup: index }, key, value, extent.checksumSeed),
      value,
    ]);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    try {
      this.#handle ??= await this.#openLast();
      if (this.#rolling || (last(extent).bytes > 0 && last(extent).bytes + bytes > this.#segmentBytesMax)) await this.#roll();
      const segment = last(extent);
      await writeFully(this.#handle, buffers, segment.bytes);
      await this.#handle.datasync();
      segment.bytes += bytes;
      segment.lastWriteMs = appendTimeMs;
      extent.nextOffset += entries.length;
      extent.lastAppendTimeMs = appendTimeMs;
    } catch (error) {
      this.#suspect = true;
      await this.close();
      // Cut the torn part at once if the disk allows it; otherwise the next write tries that first.
      this.#handle = await this.#openLast().catch(() => undefined);
      throw error;
    }
  }

  /** Closes the file; a later write opens it again. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    // A failed close loses nothing: all acknowledged data was synced before.
    await handle?.close().catch(() => undefined);
  }

  /** Opens the last segment and cuts the bytes beyond the extent. */
  async #openLast(): Promise<FileHandle> {
    const segment = last(this.#extent);
    const handle = await this.#open(segment.path, 'r+');
    try {
      if ((await handle.stat()).size > segment.bytes) {
        await handle.truncate(segment.bytes);
        await handle.datasync();
      }
      // After a failed fsync the kernel may have dropped pages and marked them clean, so trust only
      // data that reads back.
      if (this.#suspect) await this.#check(handle, segment);
      this.#suspect = false;
      return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #check(handle: FileHandle, segment: Segment): Promise<void> {
    const { checksumSeed, nextOffset } = this.#extent;
    let { firstOffset: offset } = segment;
    let position = 0;
    while (position < segment.bytes) {
      const batch = await readRecords({ handle, path: segment.path, position, limit: segment.bytes, offset, checksumSeed });
      if (batch.fault !== undefined) throw new HayateError('CORRUPT', `${segment.path} at byte ${batch.position}: ${batch.fault}`);
      offset += batch.entries.length;
      position = batch.position;
    }
    if (offset !== nextOffset) throw new HayateError('CORRUPT', `${segment.path} ends with offset ${offset}, not ${nextOffset}`);
  }

  async #roll(): Promise<void> {
    const { directory, segments, nextOffset } = this.#extent;
    const path = segmentPath(directory, nextOffset);
    this.#rolling = true;
    // 'w+', since an earlier attempt may have left this file. It cannot contain acknowledged
    // entries.
    const handle = await this.#open(path, 'w+');
    try {
      await handle.sync();
      await syncDirectory(directory);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await this.close();
    this.#handle = handle;
    this.#rolling = false;
    segments.push({ firstOffset: nextOffset, path, bytes: 0, lastWriteMs: 0 });
  }
}

function last(extent: Extent): Segment {
  const segment = extent.segments.at(-1);
  if (segment === undefined) throw new Error('an extent has at least one segment');
  return segment;
}

/**
 * Writes all buffers with one writev. If that writes only a part (the disk is filling up), further
 * writes follow until all is written or an error gives the reason.
 */
async function writeFully(handle: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let { bytesWritten } = await handle.writev(buffers, position);
  let rest: Buffer | undefined;
  const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  const begun = bytesWritten;
  while (bytesWritten < total) {
    rest ??= Buffer.concat(buffers).subarray(begun);
    const at = bytesWritten - begun;
    bytesWritten += (await handle.write(rest, at, rest.length - at, position + bytesWritten)).bytesWritten;
  }
}
