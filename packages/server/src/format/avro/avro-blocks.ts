// Collects encoded rows into the blocks of an Avro object container file. A row is written directly
// to its final place. A block ends before the row that would make it longer than AVRO_BLOCK_BYTES,
// so that blocks depend only on the rows.
import { type BufferSource, freshBuffers } from '../../kernel/buffer-pool.ts';
import { AvroError } from './avro-error.ts';
import type { AvroTable } from './avro-table.ts';

/** The most bytes of encoded, uncompressed rows in a block, unless a single row is larger. */
export const AVRO_BLOCK_BYTES = 262_144;

/** Consecutive rows, encoded and not compressed. */
export interface AvroBlock {
  /** At least 1. */
  readonly rows: number;
  /** Concatenated, they are the rows; no row spans two parts. */
  readonly parts: readonly Uint8Array[];
}

/** Consecutive blocks of a file, and their name in its index. */
export interface AvroSection {
  readonly name: readonly (string | number)[];
  readonly blocks: readonly AvroBlock[];
}

/** The size of the pieces of memory, unless a source has another one. */
const PIECE_BYTES = 16_384;

/**
 * Gathers rows. For each row, call `begin` with the most bytes that it can take, write the row into
 * `buffer` from the returned position on, and call `end` with the position after its last byte.
 */
export class AvroBlocks {
  readonly #source: BufferSource;
  readonly #closed: AvroBlock[] = [];
  /** All pieces that were taken from the source. */
  readonly #taken: Buffer[] = [];
  #heldBytes = 0;
  #totalRows = 0;
  /** The current piece, the start of its open part, and the end of its last row. */
  #piece: Buffer = Buffer.alloc(0);
  #partStart = 0;
  #used = 0;
  /** The block that is being gathered. */
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #rows = 0;

  /** Pieces of memory come from `source`, except for rows that are longer than a piece. */
  constructor(source = freshBuffers(PIECE_BYTES)) {
    this.#source = source;
  }

  /** The buffer for the next row. It may change with each `begin`. */
  get buffer(): Buffer {
    return this.#piece;
  }

  /** Rows so far. */
  get rows(): number {
    return this.#totalRows;
  }

  /** Bytes of memory that the blocks take. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Makes room for a row of up to `bytesMax`; returns the position in `buffer` where it begins. */
  begin(bytesMax: number): number {
    if (this.#used + bytesMax > this.#piece.length) {
      this.#closePart(this.#used);
      this.#piece = this.#take(bytesMax);
      this.#partStart = 0;
      this.#used = 0;
    }
    return this.#used;
  }

  /** Takes the row that was written and ends before `at`. */
  end(at: number): void {
    const length = at - this.#used;
    if (this.#rows > 0 && this.#bytes + length > AVRO_BLOCK_BYTES) this.#closeBlock(this.#used);
    this.#used = at;
    this.#bytes += length;
    this.#rows++;
    this.#totalRows++;
  }

  /** Encodes a row with avsc. Throws if it does not fit the schema. */
  append<Row>({ type }: AvroTable<Row>, row: Row): void {
    let start = this.begin(1);
    let end = type.encode(row, this.#piece, start);
    if (end < 0) {
      // avsc returns the missing bytes as a negative number.
      start = this.begin(this.#piece.length - start - end);
      end = type.encode(row, this.#piece, start);
    }
    this.end(end);
  }

  /** Returns all blocks. No rows can be added after the call. */
  finish(): readonly AvroBlock[] {
    if (this.#rows > 0) this.#closeBlock(this.#used);
    return this.#closed;
  }

  /** Returns the memory to the source: no block may be used afterwards. */
  release(): void {
    for (const buffer of this.#taken.splice(0)) this.#source.give(buffer);
  }

  #take(bytesMax: number): Buffer {
    const pooled = bytesMax <= this.#source.size;
    const piece = pooled ? this.#source.take() : Buffer.allocUnsafeSlow(bytesMax);
    if (pooled) this.#taken.push(piece);
    this.#heldBytes += piece.length;
    return piece;
  }

  #closePart(end: number): void {
    if (end > this.#partStart) this.#parts.push(this.#piece.subarray(this.#partStart, end));
    this.#partStart = end;
  }

  #closeBlock(end: number): void {
    this.#closePart(end);
    this.#closed.push({ rows: this.#rows, parts: this.#parts });
    this.#parts = [];
    this.#bytes = 0;
    this.#rows = 0;
  }
}

/** A block's rows in one buffer. */
export function joinParts({ parts }: AvroBlock): Buffer {
  const [first, second] = parts;
  if (first === undefined || second !== undefined) return Buffer.concat(parts);
  return Buffer.from(first.buffer, first.byteOffset, first.length);
}

/**
 * Decodes the rows of blocks with avsc. Throws AvroError if a block does not contain the rows that
 * it declares.
 */
export function* decodeRows<Row>({ type }: AvroTable<Row>, blocks: Iterable<AvroBlock>): Iterable<Row> {
  for (const block of blocks) {
    const data = joinParts(block);
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
    if (at !== data.length) throw new AvroError('a block has bytes after its last row');
  }
}
