// Encoded rows in, the blocks of an Avro object container file out. A row is written straight into its block; a block
// ends before the row that would make it longer than BLOCK_BYTES, so that blocks depend on the rows alone.
import { type BufferSource, freshBuffers } from '../../kernel/buffer-pool.ts';
import { AvroError } from './avro-error.ts';
import type { AvroTable } from './avro-table.ts';

/** Encoded rows before compression that a block holds at the most, unless one row is more. */
export const AVRO_BLOCK_BYTES = 65_536;

/** Consecutive rows, encoded and not compressed. */
export interface AvroBlock {
  /** At least 1. */
  readonly rows: number;
  readonly data: Uint8Array;
}

/** Blocks that lie together in a file, and what they are called in its index. */
export interface AvroSection {
  readonly name: readonly (string | number)[];
  readonly blocks: readonly AvroBlock[];
}

const FIRST_BUFFER_BYTES = 4_096;

/** Memory of a block: the last row is often begun before it is known not to fit. */
export const AVRO_BLOCK_BUFFER_BYTES = AVRO_BLOCK_BYTES + 1_024;

/**
 * Gathers rows. For each: `begin` with the most bytes that it can take, write it into `buffer` from where `begin` says,
 * `end` behind its last byte.
 */
export class AvroBlocks {
  readonly #source: BufferSource;
  readonly #closed: AvroBlock[] = [];
  /** All that were taken from the source. */
  readonly #taken: Buffer[] = [];
  #closedBytes = 0;
  #closedRows = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;
  #rows = 0;

  /** Buffers of AVRO_BLOCK_BUFFER_BYTES, but for the first rows and for long ones, are taken from `source`. */
  constructor(source = freshBuffers(AVRO_BLOCK_BUFFER_BYTES)) {
    this.#source = source;
  }

  /** Where a row is written to; another one after each `begin` and `end`. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Rows so far. */
  get rows(): number {
    return this.#closedRows + this.#rows;
  }

  /** Memory that the blocks take. */
  get heldBytes(): number {
    return this.#closedBytes + this.#buffer.length;
  }

  /** Makes room for a row of up to `bytesMax`; where in `buffer` it begins. */
  begin(bytesMax: number): number {
    const needed = this.#used + bytesMax;
    if (needed > this.#buffer.length) {
      const grown = needed <= FIRST_BUFFER_BYTES && this.rows === 0 ? Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES) : this.#take(needed);
      grown.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = grown;
    }
    return this.#used;
  }

  /** Takes the row that was written up to before `at`. */
  end(at: number): void {
    if (at > AVRO_BLOCK_BYTES && this.#rows > 0) {
      const row = this.#buffer.subarray(this.#used, at);
      const length = row.length;
      this.#close();
      this.#buffer = this.#take(length);
      this.#buffer.set(row);
      this.#used = length;
    } else this.#used = at;
    this.#rows++;
  }

  /** Encodes a row by avsc. Throws if it does not fit the schema. */
  append<Row>({ type }: AvroTable<Row>, row: Row): void {
    let start = this.begin(0);
    let end = type.encode(row, this.#buffer, start);
    if (end < 0) {
      // avsc gives the missing bytes as a negative number.
      start = this.begin(this.#buffer.length - start - end);
      end = type.encode(row, this.#buffer, start);
    }
    this.end(end);
  }

  /** Everything taken. Nothing can be added after that. */
  finish(): readonly AvroBlock[] {
    if (this.#rows > 0) this.#close();
    return this.#closed;
  }

  /** Gives the memory back: no block may be used after that. */
  release(): void {
    for (const buffer of this.#taken.splice(0)) this.#source.give(buffer);
  }

  #take(bytes: number): Buffer {
    if (bytes > this.#source.size) return Buffer.allocUnsafeSlow(bytes);
    const buffer = this.#source.take();
    this.#taken.push(buffer);
    return buffer;
  }

  #close(): void {
    this.#closed.push({ rows: this.#rows, data: this.#buffer.subarray(0, this.#used) });
    this.#closedBytes += this.#buffer.length;
    this.#closedRows += this.#rows;
    this.#buffer = Buffer.alloc(0);
    this.#used = 0;
    this.#rows = 0;
  }
}

/** Decodes the rows of blocks by avsc. Throws AvroError if a block does not hold what it says. */
export function* decodeRows<Row>({ type }: AvroTable<Row>, blocks: Iterable<AvroBlock>): Iterable<Row> {
  for (const block of blocks) {
    const data = Buffer.from(block.data.buffer, block.data.byteOffset, block.data.length);
    let at = 0;
    for (let rest = block.rows; rest > 0; rest--) {
      let decoded: { value: Row; offset: number };
      try {
        decoded = type.decode(data, at);
      } catch (cause) {
        throw new AvroError('a row cannot be decoded', { cause });
      }
      if (decoded.offset < 0) throw new AvroError('a row is cut short');
      yield decoded.value;
      at = decoded.offset;
    }
    if (at !== data.length) throw new AvroError('a block has bytes behind its last row');
  }
}
