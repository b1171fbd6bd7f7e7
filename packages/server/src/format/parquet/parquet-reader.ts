// A Parquet file that Hayate wrote in, its rows out, by hyparquet. Its checksum is checked before
// anything is parsed, and the digest that it carries must fit its content.
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { isSealed, SEAL_KEY } from './byte-seal.ts';
import type { Column, Columns, RowOf } from './parquet-table.ts';
import { PARQUET_DIGEST_KEY, PARQUET_ERASED_KEY, parquetDigest } from './parquet-writer.ts';

/** Input that is not a Parquet file of the expected columns, or whose digest does not fit its content. */
export class ParquetError extends Error {
  override readonly name = 'ParquetError';
}

/** Key/value metadata of a file, the digest among it. Throws ParquetError, also if a byte has changed anywhere. */
export function readParquetMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
  if (!isSealed(bytes)) throw new ParquetError('the checksum does not fit the bytes');
  return guarded(() =>
    Object.fromEntries((parquetMetadata(arrayBuffer(bytes)).key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
  );
}

/** Reads a file of the table's columns and checks its digest. Throws ParquetError. */
export async function readParquet<Table extends Columns>(
  table: Table,
  bytes: Uint8Array,
): Promise<{ metadata: Readonly<Record<string, string>>; rows: RowOf<Table>[] }> {
  const all = readParquetMetadata(bytes);
  const { [PARQUET_DIGEST_KEY]: digest, [PARQUET_ERASED_KEY]: erasedDigest, [SEAL_KEY]: _, ...metadata } = all;
  let objects: Record<string, unknown>[];
  try {
    objects = await parquetReadObjects({ file: arrayBuffer(bytes), useOffsetIndex: false });
  } catch (cause) {
    throw new ParquetError('the file cannot be read', { cause });
  }
  const rows = objects.map((object) => {
    const entries = Object.entries(table).map(([name, column]) => [name, fromParquet(column, object[name])]);
    const row: RowOf<Table> = Object.fromEntries(entries);
    return row;
  });
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (parquetDigest(table, rows, pairs) !== (erasedDigest ?? digest)) throw new ParquetError('the digest does not fit the content');
  return { metadata, rows };
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
