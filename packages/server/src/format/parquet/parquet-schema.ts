// A table's columns in, the schema of its Parquet files out. An annotated column says what it holds twice: by LogicalType,
// which readers go by today, and by the ConvertedType that it replaced, for readers that know only that.
import type { SchemaElement } from 'hyparquet';
import type { Columns, ColumnType } from './parquet-table.ts';

/** How a type is stored, and what its bytes mean (parquet-format, LogicalTypes.md). Plain numbers need no annotation. */
const STORED_AS: Readonly<Record<ColumnType, Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>>> = {
  INT32: { type: 'INT32' },
  INT64: { type: 'INT64' },
  DOUBLE: { type: 'DOUBLE' },
  STRING: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  JSON: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
  // Without isAdjustedToUTC a reader takes the time for one without a zone.
  TIMESTAMP: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
};

/** The schema of files of `table`, its root first. */
export function schemaOf(table: Columns): SchemaElement[] {
  const columns = Object.entries(table).map(
    ([name, { type, optional }]): SchemaElement => ({ name, ...STORED_AS[type], repetition_type: optional ? 'OPTIONAL' : 'REQUIRED' }),
  );
  return [{ name: 'root', num_children: columns.length }, ...columns];
}
