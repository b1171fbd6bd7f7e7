// Converts a table's columns to the schema of its Parquet files. An annotated column declares its
// type twice: as a LogicalType, which current readers use, and as the older ConvertedType, for
// readers that know only that.
import type { SchemaElement } from 'hyparquet';
import type { Columns, ColumnType } from './parquet-table.ts';

/**
 * The storage and meaning of each type (parquet-format, LogicalTypes.md). Plain numbers need no
 * annotation.
 */
const STORED_AS: Readonly<Record<ColumnType, Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>>> = {
  INT32: { type: 'INT32' },
  INT64: { type: 'INT64' },
  DOUBLE: { type: 'DOUBLE' },
  STRING: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  JSON: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
  // Without isAdjustedToUTC, readers treat the time as one without a zone.
  TIMESTAMP: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
};

/** The schema of the files of `table`, with its root first. */
export function schemaOf(table: Columns): SchemaElement[] {
  const columns = Object.entries(table).map(
    ([name, { type, optional }]): SchemaElement => ({ name, ...STORED_AS[type], repetition_type: optional ? 'OPTIONAL' : 'REQUIRED' }),
  );
  return [{ name: 'root', num_children: columns.length }, ...columns];
}
