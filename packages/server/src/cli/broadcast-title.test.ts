import assert from 'node:assert/strict';
import { test } from 'node:test';
import { broadcastTitle } from './broadcast-title.ts';

const silent = (line: string) => assert.fail(line);

test("a typed title takes precedence over the file's tag, and both are cleaned", () => {
  assert.equal(broadcastTitle('夜の\tラジオ', 'A tag', silent), '夜の ラジオ');
  assert.equal(broadcastTitle('', 'A tag', silent), '');
  assert.equal(broadcastTitle(undefined, '\ufeffか\u3099\u001b[31m', silent), 'が[31m');
  assert.equal(broadcastTitle(undefined, undefined, silent), '');
});

test('a tag that is too long is cut between graphemes, with one warning', () => {
  const warnings: string[] = [];
  const family = '👨‍👩‍👧‍👦';
  const title = broadcastTitle(undefined, `${'あ'.repeat(195)}${family}!`, (line) => warnings.push(line));
  assert.equal(title, 'あ'.repeat(195));
  assert.match(
    warnings.join('\n'),
    /^the file's title has 207 characters \(UTF-16 code units\), at most 200 are allowed: it is cut to "あ+"$/,
  );
});

test('a typed title that is too long is refused with its length', () => {
  assert.throws(() => broadcastTitle('🎤'.repeat(101), undefined, silent), {
    code: 'CONFIGURATION',
    message: /^--title has 202 characters \(UTF-16 code units\), at most 200 are allowed; use its beginning: "(🎤){100}"$/u,
  });
});
