// Rows of text as a table for people: columns as wide as their longest cell on the screen, two spaces apart. Cells may hold
// anything: what a terminal would obey is shown instead.
import { columnsOf, fitColumns, padColumns, terminalText } from './terminal-text.ts';

/** How a table is laid out. */
export interface TableOptions {
  /** Columns of `rows` whose cells end in line. */
  readonly right?: ReadonlySet<number>;
  /** Most columns of the screen that each cell of a column of `rows` takes; what is longer ends in an ellipsis. */
  readonly widest?: ReadonlyMap<number, number>;
}

/** Lays out `rows`, the first of which are the headings. */
export function textTable(rows: readonly (readonly string[])[], { right = new Set(), widest = new Map() }: TableOptions = {}): string {
  const shown = rows.map((row) => row.map((cell, column) => fitColumns(terminalText(cell), widest.get(column) ?? Infinity)));
  const widths = (shown[0] ?? []).map((_, column) => shown.reduce((width, row) => Math.max(width, columnsOf(row[column] ?? '')), 0));
  const lines = shown.map((row) =>
    row
      .map((cell, column) => padColumns(cell, widths[column] ?? 0, right.has(column) ? 'start' : 'end'))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
