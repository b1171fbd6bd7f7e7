// One kind of Avro row: its schema as text, and the codec that avsc makes of it.
import avro, { type schema as avroSchema, type Type } from 'avsc';

/** A row type. `Row` must be the shape that the schema describes; longs are safe integers from 0 on (avsc rounds large
 * negative ones), bytes are Buffers. */
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
