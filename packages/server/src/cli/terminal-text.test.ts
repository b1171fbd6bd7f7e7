import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { forbiddenCharacter, graphemes } from '@hayate/protocol';
import fc from 'fast-check';
import { requireTool } from '../../../../test/support/require-tool.ts';
import { debianPython } from '../../../../test/support/tool-package.mjs';
import { textTable } from './table.ts';
import { columnsOf, fitColumns, terminalJson, terminalLines, terminalText } from './terminal-text.ts';

/**
 * Prints `code point, columns` of every assigned character that stands alone, by Python's Unicode
 * database. Of large blocks it takes a few characters.
 */
const oracle = `
import unicodedata
for code in range(0x20, 0x110000):
    character = chr(code)
    if code % 31 and not (code < 0x3400 or 0xF900 <= code <= 0xFFFF or 0x1F000 <= code <= 0x1FFFF):
        continue
    category = unicodedata.category(character)
    if category in ('Cn', 'Cs', 'Cc', 'Co', 'Zl', 'Zp'):
        continue
    if category in ('Mn', 'Me', 'Cf') or 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF:
        columns = 0
    else:
        columns = 2 if unicodedata.east_asian_width(character) in 'WF' else 1
    print(code, columns)
`;

test('every character takes the columns that Unicode says', (t) => {
  if (requireTool(t, 'python3') === undefined) return;
  const { status, stdout, stderr } = spawnSync(debianPython, ['-c', oracle], { encoding: 'utf8', maxBuffer: 64 * 1_048_576 });
  assert.equal(status, 0, stderr);
  const expected = stdout.trim().split('\n');
  assert.ok(expected.length > 10_000, `${expected.length} characters`);
  const wrong = expected.filter((line) => {
    const [code = 0, columns] = line.split(' ').map(Number);
    return columnsOf(String.fromCodePoint(code)) !== columns;
  });
  // Changed in Unicode 15 and 16, which Node and today's terminals follow: hexagrams are wide, and
  // a mark of Ahom takes a column.
  const changed = [0x2630, 0x2637, 0x268a, 0x268f, 0x4dc0, 0x4dff, 0x1171e, 0x1171e, 0x1d300, 0x1d376];
  const isNewer = (code: number) => changed.some((first, i) => i % 2 === 0 && code >= first && code <= (changed[i + 1] ?? 0));
  assert.deepEqual(
    wrong.filter((line) => !isNewer(Number(line.split(' ')[0]))).map((line) => `U+${Number(line.split(' ')[0]).toString(16)} ${line}`),
    [],
  );
});

test('an emoji of many parts takes two columns, a letter with its marks takes one', () => {
  for (const emoji of ['👨‍👩‍👧‍👦', '👍🏽', '🇯🇵', '❤️', '❤️‍🔥', '1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '☺️']) assert.equal(columnsOf(emoji), 2, emoji);
  for (const letter of ['e\u0301', 'שּׁ', 'กี่', '☺', '1', '©']) assert.equal(columnsOf(letter), 1, letter);
  assert.equal(columnsOf('か\u3099'), 2);
  assert.equal(columnsOf('ﾊﾟ'), 2);
  assert.equal(columnsOf('한글 ｱ Ａ'), 4 + 1 + 1 + 1 + 2);
  assert.equal(columnsOf('\u1112\u1161\u11ab'), 2);
});

test('no control character reaches a terminal, and truncated text fits its columns', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 12 }), (text, columns) => {
      const shown = terminalText(text);
      assert.equal(forbiddenCharacter(shown), undefined);
      assert.equal(forbiddenCharacter(text) === undefined, shown === text);
      const fitting = fitColumns(shown, columns);
      assert.ok(columnsOf(fitting) <= columns, `${fitting} takes ${columnsOf(fitting)}`);
      const whole = [...graphemes(shown)].map(({ segment }) => segment);
      const kept = fitting.replace(/…$/, '').trimEnd();
      assert.ok(fitting === shown || whole.some((_, i) => whole.slice(0, i).join('').trimEnd() === kept), JSON.stringify(fitting));
      const json = terminalJson({ text });
      assert.doesNotMatch(json, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
  assert.equal(terminalText('\u001b[2J\u202e夜\n'), '\\u{1b}[2J\\u{202e}夜\\u{a}');
  assert.equal(terminalLines('one\ntwo\u0007'), 'one\ntwo\\u{7}');
  assert.equal(fitColumns('夜のラジオ', 7), '夜のラ…');
  assert.equal(fitColumns('夜のラジオ', 10), '夜のラジオ');
});

test('the columns of a table are aligned for cells in any script', () => {
  assert.equal(
    textTable(
      [
        ['NAME', 'N', 'TITLE', 'PATH'],
        ['a', '1', '夜のラジオ', '/a'],
        ['bb', '10', '\u009b2Je\u0301', '/b'],
        ['c', '2', 'a title that is too long', '/c'],
      ],
      { right: new Set([1]), widest: new Map([[2, 12]]) },
    ),
    'NAME   N  TITLE         PATH\na      1  夜のラジオ    /a\nbb    10  \\u{9b}2Je\u0301     /b\nc      2  a title tha…  /c\n',
  );
});
