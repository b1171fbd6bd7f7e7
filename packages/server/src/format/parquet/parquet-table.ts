// One kind of Parquet row: its columns, with their types and order.

/**
 * Column types. INT32 holds numbers; INT64 safe integers; TIMESTAMP Unix milliseconds (UTC); JSON
 * text that is valid JSON.
 */
export type ColumnType = 'INT32' | 'INT64' | 'DOUBLE' | 'STRING' | 'JSON' | 'TIMESTAMP';

/** One column. */
export interface Column {
  readonly type: ColumnType;
  /** Whether values may be absent. */
  readonly optional?: true;
}

/** Columns by name, in file order. */
export type Columns = Readonly<Record<string, Column>>;

type Value<C extends Column> = C['type'] extends 'STRING' | 'JSON' ? string : number;

/** A row of these columns; an optional value may be undefined. */
export type RowOf<Table extends Columns> = {
  -readonly [Name in keyof Table]: Table[Name] extends { optional: true } ? Value<Table[Name]> | undefined : Value<Table[Name]>;
};
