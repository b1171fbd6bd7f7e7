// Reads some columns of a Parquet file that Hayate wrote, a row group at a time, with hyparquet.
// Used to find few rows among many, or to sum up. It verifies the file's checksum, which covers
// every byte, but not the digest of the rows.
import { setImmediate as giveWay } from 'node:timers/promises';
import { parquetScan } from 'hyparquet';
import { isSealed } from './byte-seal.ts';
import { ParquetError } from './parquet-reader.ts';
import type { Columns, RowOf } from './parquet-table.ts';

/** The type of a column's values; for a JSON column, the parsed value. */
type ColumnValue<Table extends Columns, Name extends keyof Table> = Table[Name]['type'] extends 'JSON' ? unknown : RowOf<Table>[Name];

/** Consecutive rows, whose columns are decoded on request. */
export interface RowGroup<Table extends Columns> {
  readonly rows: number;
  /** The values of a column, `rows` of them. Rejects with ParquetError. */
  column<Name extends keyof Table & string>(name: Name): Promise<readonly ColumnValue<Table, Name>[]>;
}

/** The row groups of a file with the table's columns. Throws ParquetError. */
export async function* scanParquet<Table extends Columns>(table: Table, bytes: Uint8Array): AsyncGenerator<RowGroup<Table>, void> {
  if (!isSealed(bytes)) throw new ParquetError('the checksum does not match the bytes');
  const file = new Uint8Array(bytes).buffer;
  const scan = await guarded(parquetScan({ file, columns: Object.keys(table), useOffsetIndex: false }));
  for (const { rowStart, rowEnd } of scan.ranges)
    yield {
      rows: rowEnd - rowStart,
      column: async <Name extends keyof Table & string>(name: Name) => {
        // Decoding never pauses, so let other work run before each column.
        await giveWay();
        const values = await guarded(scan.readColumn({ column: name, rowStart, rowEnd }));
        return Array.from(values, plain) as ColumnValue<Table, Name>[];
      },
    };
}

function plain(value: unknown) {
  if (value === null) return undefined;
  if (value instanceof Date) return value.getTime();
  return typeof value === 'bigint' ? Number(value) : value;
}

async function guarded<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new ParquetError('the file cannot be read', { cause });
  }
}
