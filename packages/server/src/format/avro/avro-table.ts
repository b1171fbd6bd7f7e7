// One kind of Avro row: its schema as text, and avsc's codec for it.
import avro, { type schema as avroSchema, type Type } from 'avsc';

/**
 * A row type. `Row` must have the shape that the schema describes. Bytes are Buffers. Longs are
 * from 0 to 2^53 - 2, since avsc refuses larger ones and rounds large negative ones.
 */
export interface AvroTable<Row> {
  /** The schema as files contain it: one line of JSON, attributes in the order given. */
  readonly schemaJson: string;
  readonly type: Type;
  /** Never set: ties the table to its row type. */
  readonly row?: Row;
}

/** Creates a table from a record schema. Throws if the schema is not valid Avro. */
export function defineAvroTable<Row>(schema: avroSchema.AvroSchema): AvroTable<Row> {
  return { schemaJson: JSON.stringify(schema), type: avro.Type.forSchema(schema) };
}
