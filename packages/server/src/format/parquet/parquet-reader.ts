// Reads a Parquet file that Hayate wrote, with hyparquet, and returns its rows. The checksum is
// verified before parsing, and the file's digest must match its content.
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { isSealed, SEAL_KEY } from './byte-seal.ts';
import type { Column, Columns, RowOf } from './parquet-table.ts';
import { PARQUET_DIGEST_KEY, PARQUET_ERASED_KEY, ParquetDigest } from './parquet-writer.ts';

/**
 * The input is not a Parquet file with the expected columns, or its digest does not match its
 * content.
 */
export class ParquetError extends Error {
  override readonly name = 'ParquetError';
}

/**
 * A file's key/value metadata, including the digest. Throws ParquetError, also if any byte has
 * changed.
 */
export function readParquetMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
  if (!isSealed(bytes)) throw new ParquetError('the checksum does not match the bytes');
  return guarded(() =>
    Object.fromEntries((parquetMetadata(arrayBuffer(bytes)).key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
  );
}

/** A file's metadata and rows. */
export interface ParquetContent<Table extends Columns> {
  /** User metadata. */
  metadata: Readonly<Record<string, string>>;
  digest: string;
  /** Digest of the remaining rows, if some were erased. */
  erasedDigest: string | undefined;
  rows: RowOf<Table>[];
}

/** Reads a file with the table's columns and checks its digest. Throws ParquetError. */
export async function readParquet<Table extends Columns>(table: Table, bytes: Uint8Array): Promise<ParquetContent<Table>> {
  const { metadata, digest, erasedDigest, groups } = openParquet(table, bytes);
  const rows: RowOf<Table>[] = [];
  for await (const group of groups()) for (const row of group) rows.push(row);
  return { metadata, digest, erasedDigest, rows };
}

/**
 * Opens a file with the table's columns whose rows do not fit in memory. `groups` returns them by
 * row group, and throws ParquetError after the last one if the digest is wrong. Throws
 * ParquetError.
 */
export function openParquet<Table extends Columns>(
  table: Table,
  bytes: Uint8Array,
): Omit<ParquetContent<Table>, 'rows'> & { groups(): AsyncIterable<RowOf<Table>[]> } {
  const all = readParquetMetadata(bytes);
  const { [PARQUET_DIGEST_KEY]: digest = '', [PARQUET_ERASED_KEY]: erasedDigest, [SEAL_KEY]: _, ...metadata } = all;
  async function* groups(): AsyncIterable<RowOf<Table>[]> {
    const file = arrayBuffer(bytes);
    const footer = guarded(() => parquetMetadata(file));
    const check = new ParquetDigest();
    for (const { num_rows: count } of footer.row_groups) {
      const rowStart = check.rows;
      const rows = await readRows(table, { file, metadata: footer, rowStart, rowEnd: rowStart + Number(count) });
      check.add(table, rows);
      yield rows;
    }
    const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    if (check.end(table, pairs) !== (erasedDigest ?? digest)) throw new ParquetError('the digest does not match the content');
  }
  return { metadata, digest, erasedDigest, groups };
}

async function readRows<Table extends Columns>(
  table: Table,
  part: { file: ArrayBuffer; metadata: FileMetaData; rowStart: number; rowEnd: number },
): Promise<RowOf<Table>[]> {
  let objects: Record<string, unknown>[];
  try {
    objects = await parquetReadObjects({ ...part, useOffsetIndex: false });
  } catch (cause) {
    throw new ParquetError('the file cannot be read', { cause });
  }
  return objects.map((object) => {
    const entries = Object.entries(table).map(([name, column]) => [name, fromParquet(column, object[name])]);
    const row: RowOf<Table> = Object.fromEntries(entries);
    return row;
  });
}

function fromParquet(column: Column, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (column.type === 'JSON') return JSON.stringify(value);
  if (value instanceof Date) return value.getTime();
  return typeof value === 'bigint' ? Number(value) : value;
}

function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ParquetError('the footer cannot be read', { cause });
  }
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
