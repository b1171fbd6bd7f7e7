// One kind of Avro row: its schema as text, and the codec that avsc makes of it.
import avro, { type schema as avroSchema, type Type } from 'avsc';

/**
 * A row type. `Row` must be the shape that the schema describes. Bytes are Buffers; longs are from 0 to 2^53 - 2, since avsc
 * refuses larger ones and rounds large negative ones.
 */
export interface AvroTable<Row> {
  /** The schema as files carry it: one line of JSON, attributes in the order they were given. */
  readonly schemaJson: string;
  readonly type: Type;
  /** Never set: ties the table to its row type. */
  readonly row?: Row;
}

/** Makes a table of a record schema. Throws if the schema is not valid Avro. */
export function defineAvroTable<Row>(schema: avroSchema.AvroSchema): AvroTable<Row> {
  return { schemaJson: JSON.stringify(schema), type: avro.Type.forSchema(schema) };
}
