// Reads the rows of one broadcast, or of all, from a frames object. The header and index take one
// or two range requests, the rows one more. Strict: an object that does not match its key and index
// is CORRUPT.
import { AvroError, type AvroHeader, readAvroBlocks, readAvroFile, readAvroHeader } from '../../format/avro/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { type BroadcastName, compareBroadcasts } from '../layout/broadcast-name.ts';
import { FRAME_TABLE, type FrameRow } from '../row/frame-row.ts';
import { decodeFrameRows } from '../row/frame-row-decoder.ts';

/** The place of one broadcast's rows in a frames object. */
interface FrameSection extends BroadcastName {
  /** At least 1. */
  readonly rows: number;
  /** Offset from the end of the header, bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Bytes of the first read: a header with the index of about 400 broadcasts. */
const HEADER_BYTES = 32_768;

/** A frames object whose header has been read. */
export class FrameReader {
  readonly key: string;
  readonly header: AvroHeader;
  /** Sorted by stream, then epoch. */
  readonly sections: readonly FrameSection[];
  readonly #store: Store;

  private constructor(store: Store, key: string, header: AvroHeader, sections: readonly FrameSection[]) {
    this.key = key;
    this.header = header;
    this.sections = sections;
    this.#store = store;
  }

  /**
   * Reads the header. Throws NOT_FOUND if there is no such object, CORRUPT if it is not a frames
   * object.
   */
  static async open(store: Store, key: string): Promise<FrameReader> {
    for (let length = HEADER_BYTES; ; ) {
      const bytes = await store.get(key, { offset: 0, length });
      if (bytes === undefined) throw new HayateError('NOT_FOUND', `there is no ${key}`);
      try {
        const header = readAvroHeader(bytes);
        return new FrameReader(store, key, header, sectionsOf(header));
      } catch (cause) {
        const needed = cause instanceof AvroError && bytes.length === length ? cause.needed : undefined;
        if (needed === undefined) throw corrupt(key, cause);
        // The index comes last: read its missing part, and the few bytes that end the header.
        length = needed + HEADER_BYTES;
      }
    }
  }

  /** Returns the broadcast's section; undefined if the object has no frame of it. */
  section(stream: string, epoch: string): FrameSection | undefined {
    return this.sections.find((section) => section.stream === stream && section.epoch === epoch);
  }

  /**
   * Reads the rows of one section, in log order. Throws CORRUPT, NOT_FOUND if the object is gone.
   */
  async read({ stream, epoch, rows: count, offset, length }: FrameSection): Promise<FrameRow[]> {
    const bytes = await this.#store.get(this.key, { offset: this.header.length + offset, length });
    if (bytes === undefined) throw new HayateError('NOT_FOUND', `there is no ${this.key}`);
    try {
      if (bytes.length !== length) throw new AvroError('the file is cut short');
      const rows = [...decodeFrameRows(readAvroBlocks(this.header, bytes))];
      if (rows.length !== count) throw new AvroError('the number of rows of a section differs from the index');
      if (rows.some((row) => row.stream !== stream || row.epoch !== epoch)) throw new AvroError('a section holds another broadcast');
      return rows;
    } catch (cause) {
      throw corrupt(this.key, cause);
    }
  }

  /** Reads all rows and checks their digest. Throws CORRUPT, NOT_FOUND if the object is gone. */
  async readAll(): Promise<FrameRow[]> {
    const bytes = await this.#store.get(this.key);
    if (bytes === undefined) throw new HayateError('NOT_FOUND', `there is no ${this.key}`);
    return decodeFrames(this.key, bytes);
  }
}

/** A frames object in memory. */
export interface OpenFrames {
  /** Sorted by stream, then epoch. */
  readonly sections: readonly FrameSection[];
  /** Returns the rows of one section, in log order. Throws CORRUPT. */
  rows(section: FrameSection): FrameRow[];
}

/**
 * Opens a frames object for reading one broadcast at a time. Checks its digest, index and framing.
 * Throws CORRUPT.
 */
export function openFrames(key: string, bytes: Uint8Array): OpenFrames {
  return guarded(key, () => {
    const { header, blocks } = readAvroFile(bytes);
    const rows = (section: FrameSection) =>
      guarded(key, () => {
        const { stream, epoch, offset, length } = section;
        const own = blocks.filter((block) => block.offset >= offset && block.offset < offset + length);
        const decoded = [...decodeFrameRows(own)];
        const isWhole = decoded.length === section.rows && decoded.every((row) => row.stream === stream && row.epoch === epoch);
        if (!isWhole) throw new AvroError('a section holds another broadcast');
        return decoded;
      });
    return { sections: sectionsOf(header), rows };
  });
}

/**
 * Decodes all rows of a frames object. Checks its digest, its index and the order of its rows.
 * Throws CORRUPT.
 */
export function decodeFrames(key: string, bytes: Uint8Array): FrameRow[] {
  const { sections, rows } = openFrames(key, bytes);
  return sections.flatMap(rows);
}

function sectionsOf({ schemaJson, index }: AvroHeader): FrameSection[] {
  if (schemaJson !== FRAME_TABLE.schemaJson) throw new AvroError('the schema is not that of frames');
  if (index === undefined) throw new AvroError('the header lacks its index');
  const sections = index.map(({ name, ...place }): FrameSection => {
    const [stream, epoch, more] = name;
    if (typeof stream !== 'string' || typeof epoch !== 'string' || more !== undefined) throw new AvroError('the index names no broadcast');
    return { stream, epoch, ...place };
  });
  const ordered = sections.every((section, i) => i === 0 || compareBroadcasts(sections[i - 1] ?? section, section) < 0);
  if (!ordered) throw new AvroError('the index is out of order');
  return sections;
}

function guarded<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof HayateError ? cause : corrupt(key, cause);
  }
}

function corrupt(key: string, cause: unknown): HayateError {
  return new HayateError('CORRUPT', `${key} is not a frames object: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
