// Encoded rows in, the blocks of an Avro object container file out. A row is written straight to where it stays; a block
// ends before the row that would make it longer than AVRO_BLOCK_BYTES, so that blocks depend on the rows alone.
import { type BufferSource, freshBuffers } from '../../kernel/buffer-pool.ts';
import { AvroError } from './avro-error.ts';
import type { AvroTable } from './avro-table.ts';

/** Encoded rows before compression that a block holds at the most, unless one row is more. */
export const AVRO_BLOCK_BYTES = 262_144;

/** Consecutive rows, encoded and not compressed. */
export interface AvroBlock {
  /** At least 1. */
  readonly rows: number;
  /** One behind another; a row lies in one part. */
  readonly parts: readonly Uint8Array[];
}

/** Blocks that lie together in a file, and what they are called in its index. */
export interface AvroSection {
  readonly name: readonly (string | number)[];
  readonly blocks: readonly AvroBlock[];
}

/** Memory is taken in pieces of this size unless a source says otherwise. */
const PIECE_BYTES = 16_384;

/**
 * Gathers rows. For each: `begin` with the most bytes that it can take, write it into `buffer` from where `begin` says,
 * `end` behind its last byte.
 */
export class AvroBlocks {
  readonly #source: BufferSource;
  readonly #closed: AvroBlock[] = [];
  /** All pieces that were taken from the source. */
  readonly #taken: Buffer[] = [];
  #heldBytes = 0;
  #totalRows = 0;
  /** The piece that is being written, what of it belongs to closed parts, and to rows. */
  #piece: Buffer = Buffer.alloc(0);
  #partStart = 0;
  #used = 0;
  /** The block that is being gathered. */
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #rows = 0;

  /** Pieces of memory are taken from `source`, but for rows that are longer. */
  constructor(source = freshBuffers(PIECE_BYTES)) {
    this.#source = source;
  }

  /** Where a row is written to; may be another one after each `begin`. */
  get buffer(): Buffer {
    return this.#piece;
  }

  /** Rows so far. */
  get rows(): number {
    return this.#totalRows;
  }

  /** Memory that the blocks take. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Makes room for a row of up to `bytesMax`; where in `buffer` it begins. */
  begin(bytesMax: number): number {
    if (this.#used + bytesMax > this.#piece.length) {
      this.#closePart(this.#used);
      this.#piece = this.#take(bytesMax);
      this.#partStart = 0;
      this.#used = 0;
    }
    return this.#used;
  }

  /** Takes the row that was written up to before `at`. */
  end(at: number): void {
    const length = at - this.#used;
    if (this.#rows > 0 && this.#bytes + length > AVRO_BLOCK_BYTES) this.#closeBlock(this.#used);
    this.#used = at;
    this.#bytes += length;
    this.#rows++;
    this.#totalRows++;
  }

  /** Encodes a row by avsc. Throws if it does not fit the schema. */
  append<Row>({ type }: AvroTable<Row>, row: Row): void {
    let start = this.begin(1);
    let end = type.encode(row, this.#piece, start);
    if (end < 0) {
      // avsc gives the missing bytes as a negative number.
      start = this.begin(this.#piece.length - start - end);
      end = type.encode(row, this.#piece, start);
    }
    this.end(end);
  }

  /** Everything taken. Nothing can be added after that. */
  finish(): readonly AvroBlock[] {
    if (this.#rows > 0) this.#closeBlock(this.#used);
    return this.#closed;
  }

  /** Gives the memory back: no block may be used after that. */
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

/** A block's rows in one piece. */
export function joinParts({ parts }: AvroBlock): Buffer {
  const [first, second] = parts;
  if (first === undefined || second !== undefined) return Buffer.concat(parts);
  return Buffer.from(first.buffer, first.byteOffset, first.length);
}

/** Decodes the rows of blocks by avsc. Throws AvroError if a block does not hold what it says. */
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
    if (at !== data.length) throw new AvroError('a block has bytes behind its last row');
  }
}
