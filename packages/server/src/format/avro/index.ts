// Avro object container files, read and written: all that other folders use of this one.
export { AvroError } from './avro-error.ts';
export { type AvroHeader, readAvro, readAvroHeader } from './avro-reader.ts';
export { type AvroTable, defineAvroTable } from './avro-table.ts';
export { type AvroCodec, type AvroFile, type AvroFileOptions, writeAvro } from './avro-writer.ts';
