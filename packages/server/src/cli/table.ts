// Formats rows of text as a table for people: each column is as wide as its longest cell on the
// screen, with two spaces between columns. Cells may hold any text: characters that a terminal
// would obey are escaped.
import { columnsOf, fitColumns, padColumns, terminalText } from './terminal-text.ts';

/** Layout options of a table. */
interface TableOptions {
  /** Columns of `rows` that are aligned to the right. */
  readonly right?: ReadonlySet<number>;
  /** The maximum width on the screen for columns of `rows`; a longer cell ends in an ellipsis. */
  readonly widest?: ReadonlyMap<number, number>;
}

/** Formats `rows`, the first of which holds the headings. */
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
