import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanText, forbiddenCharacter, graphemeCount, graphemes, textFault, truncateText } from './text.ts';

/**
 * Pieces that text functions get wrong: parts of emoji, marks, direction marks, breaks, and any
 * other character.
 */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
  fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  fc.constantFrom('e', ' ', '\t', '\n', '\r', '\u0085', '\u2028', '\u202e', '\u2067', '\ufeff', '\ufffe', '\u0000', '\u009b'),
  fc.constantFrom('\u0301', '\u0327', '\u3099', '\u200d', '\u200c', '\ufe0f', '\u1161', '\u1100', '\u{e0101}', 'か', '神', '\ufa19'),
  fc.constantFrom(
    '\u{1f3f4}',
    '\u{e0067}',
    '\u{e0062}',
    '\u{e007f}',
    '\u{e0001}',
    '\u{1f468}',
    '\u{1f3fd}',
    '\u{1f1ef}',
    '\ud83d',
    '\udc68',
  ),
);
const anything = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

test('cleaned text passes the check, and cleaning it again changes nothing', () => {
  fc.assert(
    fc.property(anything, fc.boolean(), (text, lines) => {
      const clean = cleanText(text, { lines });
      assert.equal(forbiddenCharacter(clean, { lines }), undefined);
      assert.equal(cleanText(clean, { lines }), clean);
      assert.equal(clean, clean.trim());
      assert.ok(clean.isWellFormed());
      assert.doesNotMatch(clean, /[\p{M}]{9}/u);
    }),
    { numRuns: 3_000 },
  );
});

test('truncation ends between two graphemes, keeps as many as fit and never exceeds the limit in units', () => {
  fc.assert(
    fc.property(anything, fc.integer({ min: 0, max: 60 }), (text, units) => {
      const cut = truncateText(text, units);
      assert.ok(cut.length <= units && text.startsWith(cut));
      const ends = [0];
      for (const { segment } of graphemes(text)) ends.push((ends.at(-1) ?? 0) + segment.length);
      assert.equal(cut.length, Math.max(...ends.filter((end) => end <= units)));
    }),
    { numRuns: 3_000 },
  );
});

test('text in all scripts stays unchanged', () => {
  for (const text of [
    '今夜も歌枠、はじまるよ〜♪（初見さん歓迎）',
    '夜の　ラジオ',
    'مرحبا بكم في البث المباشر',
    '\u200fשלום, Hayate!\u200e',
    'ยินดีต้อนรับสู่การถ่ายทอดสด',
    'नमस्ते दुनिया',
    'می\u200cخواهم',
    '葛\u{e0100}城市 辻\u{e0101}',
    '神社 (U+FA19: \ufa19)',
    'Ünïcödé ẞ',
    '👨‍👩‍👧‍👦 👍🏽 🇯🇵 🏳️‍🌈 ❤️‍🔥 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏴‍☠️',
    'Tiếng Việt',
    '\ue000 for private use',
  ])
    assert.equal(cleanText(text), text);
});

test('forbidden characters are left out or become a space', () => {
  for (const [typed, clean] of [
    ['\u001b[31mred\u001b[0m', '[31mred[0m'],
    ['a\u009bb\u007fc\u0000', 'abc'],
    ['evil\u202egpj.exe', 'evilgpj.exe'],
    ['\u2067a\u2069\u202ab\u202c', 'ab'],
    ['one\r\ntwo\tthree\u2028four\u0085five', 'one two three four five'],
    ['\ufeffBOM', 'BOM'],
    ['half an emoji \ud83d', 'half an emoji'],
    ['\ufdd0\u{1ffff}x\ufff9y\ufffbz', 'xyz'],
    ['  　padded　 ', 'padded'],
    ['か\u3099', 'が'],
    [`z${'\u0315'.repeat(50)}o`, `z${'\u0315'.repeat(8)}o`],
    ['hi\u{e0068}\u{e0069}dden', 'hidden'],
    ['\u{1f3f4}\u{e0067}\u{e0062}', '\u{1f3f4}'],
    ['\u200b\u3164 \u2800', ''],
    ['\n\t\r', ''],
  ] as const)
    assert.equal(cleanText(typed), clean, JSON.stringify(typed));
});

test('multi-line text keeps its line breaks but no other control characters', () => {
  assert.equal(cleanText('one\r\ntwo\u2029three\tx\n\n\n\nfour\n', { lines: true }), 'one\ntwo\nthree x\n\nfour');
  assert.equal(forbiddenCharacter('one\ntwo', { lines: true }), undefined);
  assert.equal(forbiddenCharacter('one\ntwo'), 'U+000A');
  assert.equal(forbiddenCharacter('one\rtwo', { lines: true }), 'U+000D');
});

test('truncation does not split an emoji sequence or a base and its marks', () => {
  const family = '👨‍👩‍👧‍👦';
  assert.equal(truncateText(`ab${family}`, 12), 'ab');
  assert.equal(truncateText(`ab${family}c`, 13), `ab${family}`);
  assert.equal(truncateText(family, 4), '');
  assert.equal(truncateText('🇯🇵🇫🇷', 6), '🇯🇵');
  assert.equal(truncateText('e\u0301e\u0301', 3), 'e\u0301');
  assert.equal(truncateText('葛\u{e0100}城', 2), '');
  assert.equal(truncateText('short', 200), 'short');
  assert.equal(graphemeCount(`${family}🇯🇵か\u3099`), 3);
});

test('an error names the character or the count, never the text', () => {
  assert.equal(textFault('fine 夜', 200), undefined);
  assert.equal(textFault('\u202esecret', 200), 'holds U+202E, which is not allowed');
  assert.equal(textFault('🎤'.repeat(101), 200), 'has 202 characters (UTF-16 code units), at most 200 are allowed');
});
