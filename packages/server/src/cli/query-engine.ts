// DuckDB in a sandbox: it reads only the statistics files, runs one SELECT, and writes nothing.
import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult, DuckDBValueConverter, Json } from '@duckdb/node-api';
import type { TimeSpan } from '../archive/read/statistics-list.ts';
import { STATISTICS_TABLE } from '../archive/row/statistics-row.ts';
import type { ColumnType } from '../format/parquet/index.ts';
import { HayateError } from '../kernel/error.ts';

/** A cell (text, number, list…), in a form that JSON can hold. */
export type Cell = Awaited<ReturnType<DuckDBResult['getRowsJson']>>[number][number];

/** A statement's result. */
export interface QueryResult {
  readonly columns: readonly string[];
  /** In blocks of rows. */
  readonly rows: AsyncIterable<readonly (readonly Cell[])[]>;
}

const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  INT32: 'INTEGER',
  INT64: 'BIGINT',
  DOUBLE: 'DOUBLE',
  STRING: 'VARCHAR',
  JSON: 'JSON',
  TIMESTAMP: 'TIMESTAMP WITH TIME ZONE',
};

/** DuckDB's names of types whose values are numbers that JSON can hold. */
const NUMBER_TYPE = /^(U?(BIG|HUGE)INT|DECIMAL)/;

type DuckDb = typeof import('@duckdb/node-api');

/** Loads DuckDB. Throws CONFIGURATION if it is not installed. */
async function loadDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    throw new HayateError('CONFIGURATION', 'it needs DuckDB: run npm install @duckdb/node-api where @hayate/server is installed', {
      cause,
    });
  }
}

/** A DuckDB with the view `statistics` over files. Its time zone is UTC. */
export class QueryEngine {
  readonly #connection: DuckDBConnection;
  readonly #isSelect: (statement: DuckDBPreparedStatement) => boolean;
  readonly #toJson: DuckDBValueConverter<Json>;

  private constructor(connection: DuckDBConnection, duckDb: DuckDb) {
    this.#connection = connection;
    this.#isSelect = ({ statementType }) => statementType === duckDb.StatementType.SELECT;
    this.#toJson = jsonConverter(duckDb);
  }

  /** `paths` are absolute. Throws CONFIGURATION if DuckDB is not installed. */
  static async open(paths: readonly string[], { fromMs, toMs }: TimeSpan): Promise<QueryEngine> {
    const duckDb = await loadDuckDb();
    const connection = await (await duckDb.DuckDBInstance.create(':memory:')).connect();
    const files = `[${paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')}]`;
    const columns = Object.entries(STATISTICS_TABLE).map(([name, { type }]) => `NULL::${SQL_TYPES[type]} AS ${name}`);
    // Files of older versions hold times without a zone. DuckDB uses the types of the first file
    // for all.
    const times = Object.entries(STATISTICS_TABLE).filter(([, { type }]) => type === 'TIMESTAMP');
    const zoned = times.map(([name]) => `${name}::${SQL_TYPES.TIMESTAMP} AS ${name}`).join(', ');
    const source =
      paths.length === 0
        ? `SELECT ${columns.join(', ')} WHERE false`
        : `SELECT * REPLACE (${zoned}) FROM read_parquet(${files}, hive_partitioning = false)`;
    const limits = [
      ...(fromMs > 0 ? [`epoch_ms(window_start) >= ${fromMs}`] : []),
      ...(toMs < Infinity ? [`epoch_ms(window_start) < ${toMs}`] : []),
    ];
    for (const statement of [
      "SET TimeZone = 'UTC'",
      'SET autoinstall_known_extensions = false',
      'SET autoload_known_extensions = false',
      "SET temp_directory = ''",
      `CREATE VIEW statistics AS SELECT * FROM (${source})${limits.length > 0 ? ` WHERE ${limits.join(' AND ')}` : ''}`,
      `SET allowed_paths = ${files}`,
      'SET enable_external_access = false',
      'SET lock_configuration = true',
    ])
      await connection.run(statement);
    return new QueryEngine(connection, duckDb);
  }

  /** Runs one SELECT. Throws BAD_REQUEST for any other statement, and for any error of DuckDB. */
  async query(sql: string): Promise<QueryResult> {
    try {
      const statements = await this.#connection.extractStatements(sql);
      if (statements.count !== 1) throw new HayateError('BAD_REQUEST', `one statement is expected, not ${statements.count}`);
      const statement = await statements.prepare(0);
      if (!this.#isSelect(statement)) throw new HayateError('BAD_REQUEST', 'only SELECT is allowed: queries do not change an archive');
      const result = await statement.stream();
      return { columns: result.columnNames(), rows: portions(result, this.#toJson) };
    } catch (error) {
      throw refusal(error);
    }
  }

  /** Makes a running statement fail soon. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
  }
}

async function* portions(result: DuckDBResult, toJson: DuckDBValueConverter<Json>): AsyncIterable<Cell[][]> {
  const isNumber = result.columnTypes().map((type) => NUMBER_TYPE.test(type.toString()));
  try {
    for await (const rows of result.yieldConvertedRows(toJson))
      yield rows.map((row) => row.map((cell, i) => (isNumber[i] ? asNumber(cell) : cell)));
  } catch (error) {
    throw refusal(error);
  }
}

/**
 * Converts values to JSON. A time with a zone becomes UTC in ISO 8601; by default DuckDB's binding
 * prints this machine's time.
 */
function jsonConverter({ DuckDBTimestampTZValue, DuckDBTimestampValue, JsonDuckDBValueConverter }: DuckDb): DuckDBValueConverter<Json> {
  return (value, type, converter) => {
    if (!(value instanceof DuckDBTimestampTZValue)) return JsonDuckDBValueConverter(value, type, converter);
    const text = new DuckDBTimestampValue(value.micros).toString();
    return value.isFinite ? `${text.replace(' ', 'T')}Z` : text;
  };
}

/**
 * DuckDB returns large integers and decimals as text. Converts them back to numbers where these are
 * exact.
 */
function asNumber(cell: Cell): Cell {
  const isExact = typeof cell === 'string' && (cell.includes('.') || Number.isSafeInteger(Number(cell)));
  return isExact ? Number(cell) : cell;
}

function refusal(error: unknown): unknown {
  if (error instanceof HayateError || !(error instanceof Error)) return error;
  return new HayateError('BAD_REQUEST', `DuckDB: ${error.message}`, { cause: error });
}
