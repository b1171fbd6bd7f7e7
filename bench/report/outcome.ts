// The outcome of a benchmark: its headline, and the parts that the report shows below it. Every
// number that a reader compares is in a table or a goal. `details` holds the rest.

/** A promise, and whether the measurement keeps it. */
export interface Goal {
  /** The promise: "CPU per delivery, native, uncoalesced". */
  what: string;
  /** The limit: "≤ 1.1 × the floor". */
  goal: string;
  measured: string;
  met: boolean;
}

/** Rows of text, as the report shows them. */
export interface Table {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** The result of a run. */
export interface BenchOutcome {
  name: string;
  ratio: string | number;
  unit: string;
  goals?: readonly Goal[];
  tables?: readonly Table[];
  /** Sentences: how to read the numbers, and where Hayate loses. */
  notes?: readonly string[];
  details?: unknown;
}

/** A table as text for a terminal. */
export function tableText({ title, columns, rows }: Table): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [title, line(columns), ...rows.map(line)].join('\n');
}

/** Everything except the headline, for a terminal. */
export function outcomeText({ tables = [], goals = [], notes = [], details }: BenchOutcome): string {
  const goalLines = goals.map(({ what, goal, measured, met }) => `${met ? 'met   ' : 'MISSED'} ${what}: ${measured} (goal ${goal})`);
  const rest = details === undefined ? [] : [typeof details === 'string' ? details : JSON.stringify(details, undefined, 2)];
  return [...tables.map(tableText), goalLines.join('\n'), notes.join('\n'), ...rest].filter((part) => part !== '').join('\n\n');
}
