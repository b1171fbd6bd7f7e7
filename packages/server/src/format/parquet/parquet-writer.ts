// Writes rows to a Parquet file, with hyparquet-writer. The same rows always give the same bytes.
// The file's key/value metadata contains a digest of its content and a checksum of its bytes.
import { createHash } from 'node:crypto';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { logicalDigest } from '../logical-digest.ts';
import { SEAL_KEY, SEAL_PLACEHOLDER, seal } from './byte-seal.ts';
import { schemaOf } from './parquet-schema.ts';
import type { Column, Columns, RowOf } from './parquet-table.ts';

/** Metadata key of the digest. */
export const PARQUET_DIGEST_KEY = 'hayate.digest';

/** Metadata key of the digest of the remaining rows, in a file whose other rows were erased. */
export const PARQUET_ERASED_KEY = 'hayate.erased';

/** An encoded file and the digest in it. */
export interface ParquetFile {
  bytes: Uint8Array;
  digest: string;
}

/**
 * Encodes `rows`. Throws RangeError if a column needs a safe integer and a number is not one.
 * `metadata` goes into the footer. `erasedDigest` is the digest of the file that this one replaces.
 * The new file keeps it, and stores the digest of its own rows next to it.
 */
export function writeParquet<Table extends Columns>(
  table: Table,
  rows: readonly RowOf<Table>[],
  metadata: Readonly<Record<string, string>> = {},
  erasedDigest?: string,
): ParquetFile {
  const writer = new ParquetFileWriter(table);
  writer.add(rows);
  return writer.end(metadata, erasedDigest);
}

/** Encodes a file piece by piece, for rows that do not fit in memory. */
export class ParquetFileWriter<Table extends Columns> {
  readonly #table: Table;
  readonly #bytes = new ByteWriter();
  readonly #parquet: ParquetWriter;
  readonly #digest = new ParquetDigest();

  constructor(table: Table) {
    this.#table = table;
    this.#parquet = new ParquetWriter({ writer: this.#bytes, schema: schemaOf(table), createdBy: 'hayate' });
  }

  /** Rows so far. */
  get rows(): number {
    return this.#digest.rows;
  }

  /** Appends rows, in row groups of their own. Throws RangeError like writeParquet. */
  add(rows: readonly RowOf<Table>[]): void {
    const columnData = Object.entries(this.#table).map(([name, column]) => ({
      name,
      data: rows.map((row) => toParquet(name, column, row[name])),
    }));
    if (rows.length > 0) void this.#parquet.write({ columnData });
    this.#digest.add(this.#table, rows);
  }

  /**
   * Returns the whole file. Takes the parameters of writeParquet. No rows can be added after the
   * call.
   */
  end(metadata: Readonly<Record<string, string>> = {}, erasedDigest?: string): ParquetFile {
    const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    const ownDigest = this.#digest.end(this.#table, pairs);
    const digest = erasedDigest ?? ownDigest;
    const digests: [string, string][] = [[PARQUET_DIGEST_KEY, digest]];
    if (erasedDigest !== undefined) digests.push([PARQUET_ERASED_KEY, ownDigest]);
    const entries = [...digests, ...pairs, [SEAL_KEY, SEAL_PLACEHOLDER] as const];
    this.#parquet.kvMetadata = entries.map(([key, value]) => ({ key, value }));
    void this.#parquet.finish();
    const bytes = this.#bytes.getBytes();
    seal(bytes);
    return { bytes, digest };
  }
}

/**
 * Computes the digest of columns, metadata (sorted by key), number of rows, and SHA-256, in hex, of
 * the rows. Each row is a line with a JSON array.
 */
export class ParquetDigest {
  readonly #hash = createHash('sha256');
  #rows = 0;

  /** Rows so far. */
  get rows(): number {
    return this.#rows;
  }

  add<Table extends Columns>(table: Table, rows: readonly RowOf<Table>[]): void {
    const names = Object.keys(table);
    for (const row of rows) this.#hash.update(`${JSON.stringify(names.map((name) => row[name] ?? null))}\n`);
    this.#rows += rows.length;
  }

  end(table: Columns, metadata: readonly (readonly [string, string])[]): string {
    return logicalDigest([JSON.stringify(table), JSON.stringify(metadata), String(this.#rows), this.#hash.digest('hex')]);
  }
}

function toParquet(name: string, column: Column, value: string | number | undefined): unknown {
  if (value === undefined) {
    if (column.optional !== true) throw new RangeError(`column ${name} lacks a value`);
    return null;
  }
  if (typeof value === 'string') return column.type === 'JSON' ? JSON.parse(value) : value;
  if (column.type !== 'DOUBLE' && !Number.isSafeInteger(value)) throw new RangeError(`column ${name} needs a safe integer, not ${value}`);
  if (column.type === 'INT32' && Math.abs(value) > 0x7fffffff) throw new RangeError(`column ${name} needs 32 bits, not ${value}`);
  if (column.type === 'INT64') return BigInt(value);
  return column.type === 'TIMESTAMP' ? new Date(value) : value;
}
