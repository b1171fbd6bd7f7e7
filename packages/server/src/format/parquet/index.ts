// Parquet files, written and read: all that other folders use of this one.
export { ParquetError, readParquet, readParquetMetadata } from './parquet-reader.ts';
export { type RowGroup, scanParquet } from './parquet-scan.ts';
export type { Column, Columns, ColumnType, RowOf } from './parquet-table.ts';
export { PARQUET_DIGEST_KEY, type ParquetFile, writeParquet } from './parquet-writer.ts';
