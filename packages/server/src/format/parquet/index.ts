// Writes and reads Parquet files. Other folders use only these exports.
export { openParquet, type ParquetContent, ParquetError, readParquet, readParquetMetadata } from './parquet-reader.ts';
export { type RowGroup, scanParquet } from './parquet-scan.ts';
export type { Column, Columns, ColumnType, RowOf } from './parquet-table.ts';
export { PARQUET_DIGEST_KEY, PARQUET_ERASED_KEY, type ParquetFile, ParquetFileWriter, writeParquet } from './parquet-writer.ts';
