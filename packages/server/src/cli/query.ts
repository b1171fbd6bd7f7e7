// `hayate query`: runs SQL over the archive's statistics with DuckDB, if it is installed. It only
// reads the archive.
import { storeFlags } from '../adapter-flags.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { defineCommand, type Io } from './command.ts';
import { type Cell, QueryEngine, type QueryResult } from './query-engine.ts';
import { openStatisticsFiles } from './query-files.ts';
import { textTable } from './table.ts';
import { terminalJson, terminalText } from './terminal-text.ts';
import { TIME_HELP, typedSpan } from './time.ts';

/** Rows that a table shows; --csv and --json print all. */
const TABLE_ROWS_MAX = 1_000;
const GIB = 2 ** 30;

const flags = defineFlags({
  sql: { kind: 'string', positional: true, required: true, help: 'a SELECT over the view statistics' },
  from: { kind: 'string', placeholder: 'TIME', help: `only windows from this day or time on: ${TIME_HELP}` },
  to: { kind: 'string', placeholder: 'TIME', help: 'only windows before this day or time' },
  csv: { kind: 'boolean', help: 'print CSV (RFC 4180) instead of a table' },
  json: { kind: 'boolean', help: 'print a JSON object for each row instead of a table' },
  ...storeFlags,
  fetchBytesMax: {
    kind: 'number',
    default: GIB,
    min: 1,
    unit: 'bytes',
    group: 'Archive',
    help: 'bytes that may be fetched from S3 or GCS, into a directory that is removed afterwards',
  },
});

export const query = defineCommand({
  name: 'query',
  summary: 'run SQL over the statistics in an archive, with DuckDB',
  details: `The view statistics has a row for each broadcast and window of 10 s; spec/archive.md, "Statistics", names its
columns. Times are UTC, also in SQL. Needs DuckDB: npm install @duckdb/node-api. It sees the files of
statistics and nothing else of this machine, and writes nowhere. Frames are Avro, which DuckDB reads only
with an extension that it would download: they are not here.
  hayate query "select stream, sum(audio_duration_ms) / 60000 as minutes from statistics group by all"`,
  flags,
  async run({ sql, from, to, csv, json, fetchBytesMax, ...settings }, io) {
    if (csv && json) throw new HayateError('CONFIGURATION', 'give --csv or --json, not both');
    const { fromMs = 0, toMs = Infinity } = typedSpan(io, { from, to });
    const span = { fromMs, toMs };
    const files = await openStatisticsFiles(settings, span, { bytesMax: fetchBytesMax, signal: io.interrupted });
    try {
      const engine = await QueryEngine.open(files.paths, span);
      const stop = AbortSignal.any([io.interrupted, ...(io.stdout.readerLeft === undefined ? [] : [io.stdout.readerLeft])]);
      const interrupt = () => engine.interrupt();
      stop.addEventListener('abort', interrupt);
      try {
        const result = await engine.query(sql);
        await (csv ? printCsv(result, io) : json ? printJson(result, io) : printTable(result, io));
      } catch (error) {
        if (!io.stdout.readerLeft?.aborted) throw error;
      } finally {
        stop.removeEventListener('abort', interrupt);
        engine.close();
      }
    } finally {
      await files.close();
    }
    return 0;
  },
});

async function printTable({ columns, rows }: QueryResult, io: Io): Promise<void> {
  const shown: string[][] = [];
  const right = new Set<number>();
  let count = 0;
  for await (const portion of rows) {
    count += portion.length;
    for (const row of portion.slice(0, TABLE_ROWS_MAX - shown.length)) {
      for (const [i, cell] of row.entries()) if (typeof cell === 'number') right.add(i);
      shown.push(row.map(cellText));
    }
  }
  io.stdout.write(textTable([columns, ...shown], { right }));
  if (count > shown.length) io.stderr.write(`${count - shown.length} more rows: --csv and --json print all\n`);
}

async function printCsv({ columns, rows }: QueryResult, io: Io): Promise<void> {
  const field = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  // A file gets the values unchanged; a terminal would obey some of them.
  const line = (cells: readonly string[]) => `${cells.map((cell) => field(io.stdout.isTTY ? terminalText(cell) : cell)).join(',')}\r\n`;
  io.stdout.write(line(columns));
  for await (const portion of rows) {
    io.stdout.write(portion.map((row) => line(row.map(cellText))).join(''));
    await io.stdout.drain?.();
  }
}

async function printJson({ columns, rows }: QueryResult, io: Io): Promise<void> {
  for await (const portion of rows) {
    const objects = portion.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])));
    io.stdout.write(objects.map((object) => `${terminalJson(object)}\n`).join(''));
    await io.stdout.drain?.();
  }
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}
