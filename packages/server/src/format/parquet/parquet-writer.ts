// Rows in, a Parquet file out, by hyparquet-writer. The same rows always give the same bytes, and the file carries a
// digest of its content and a checksum of its bytes among its key/value metadata.
import { ByteWriter, type ColumnSource, parquetWrite } from 'hyparquet-writer';
import { logicalDigest } from '../logical-digest.ts';
import { SEAL_KEY, SEAL_PLACEHOLDER, seal } from './byte-seal.ts';
import type { Column, Columns, RowOf } from './parquet-table.ts';

/** Metadata key of the digest. */
export const PARQUET_DIGEST_KEY = 'hayate.digest';

/** Metadata key of the digest of what is left, in a file of which rows were erased. */
export const PARQUET_ERASED_KEY = 'hayate.erased';

/** An encoded file and the digest that it carries. */
export interface ParquetFile {
  bytes: Uint8Array;
  digest: string;
}

/**
 * Encodes `rows`. Throws RangeError if a number is not a safe integer where one is needed. `metadata` goes into the footer.
 * `erasedDigest` is that of the file that this one is put in the place of: it is carried on, and the digest of the rows stands beside it.
 */
export function writeParquet<Table extends Columns>(
  table: Table,
  rows: readonly RowOf<Table>[],
  metadata: Readonly<Record<string, string>> = {},
  erasedDigest?: string,
): ParquetFile {
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const ownDigest = parquetDigest(table, rows, pairs);
  const digest = erasedDigest ?? ownDigest;
  const digests: [string, string][] = [[PARQUET_DIGEST_KEY, digest]];
  if (erasedDigest !== undefined) digests.push([PARQUET_ERASED_KEY, ownDigest]);
  const writer = new ByteWriter();
  void parquetWrite({
    writer,
    columnData: Object.entries(table).map(([name, column]): ColumnSource => {
      const data = rows.map((row) => toParquet(name, column, row[name]));
      return { name, type: column.type, nullable: column.optional === true, data };
    }),
    kvMetadata: [...digests, ...pairs, [SEAL_KEY, SEAL_PLACEHOLDER] as const].map(([key, value]) => ({
      key,
      value,
    })),
    createdBy: 'hayate',
  });
  const bytes = writer.getBytes();
  seal(bytes);
  return { bytes, digest };
}

/** Digest of the columns, the metadata (sorted by key) and the rows. */
export function parquetDigest<Table extends Columns>(
  table: Table,
  rows: readonly RowOf<Table>[],
  metadata: readonly (readonly [string, string])[],
): string {
  const names = Object.keys(table);
  const values = rows.map((row) => names.map((name) => row[name] ?? null));
  return logicalDigest([JSON.stringify(table), JSON.stringify(metadata), JSON.stringify(values)]);
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
