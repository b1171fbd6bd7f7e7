// In: a page of the specification. Out: the rows of one of its tables, for comparing with the code.
import assert from 'node:assert/strict';

/** Rows of the table in `page` whose header begins with `header`, cells without backquotes. */
export function tableRows(page: string, header: string): string[][] {
  const start = page.indexOf(`\n| ${header} |`);
  assert.notEqual(start, -1, `there is no table ${header}`);
  const rows = page
    .slice(start + 1, page.indexOf('\n\n', start))
    .split('\n')
    .slice(2);
  return rows.map((row) =>
    row
      .replace(/^\| | \|$/g, '')
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '')),
  );
}
