// Reads and writes Avro object container files. Other folders use only these exports.
export { AVRO_BLOCK_BYTES, type AvroBlock, AvroBlocks, type AvroSection, decodeRows, joinParts } from './avro-blocks.ts';
export { AVRO_CODECS, type AvroCodec } from './avro-codec.ts';
export { AvroCursor } from './avro-cursor.ts';
export { AVRO_LONG_BYTES, avroLong, avroSized, avroStringMap, writeAvroLong } from './avro-encoding.ts';
export { AvroError } from './avro-error.ts';
export {
  type AvroHeader,
  type AvroIndexEntry,
  type PlacedAvroBlock,
  readAvro,
  readAvroBlocks,
  readAvroFile,
  readAvroHeader,
} from './avro-reader.ts';
export { type AvroTable, defineAvroTable } from './avro-table.ts';
export { type AvroFile, type AvroFileOptions, packAvro, packAvroSections, writeAvro } from './avro-writer.ts';
