import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isolated, textAttributes } from './person-text.ts';

test('text is set in its own direction, and in the glyphs of its language if the script determines it', () => {
  for (const [text, languages, lang] of [
    ['夜のラジオ', ['en'], 'ja'],
    ['ﾗｼﾞｵ', ['zh-CN'], 'ja'],
    ['서울 라디오', ['en'], 'ko'],
    ['深夜電台', ['en', 'zh-TW', 'ja'], 'zh-TW'],
    ['歌枠', ['en'], 'ja'],
    ['Evening radio', ['ja'], undefined],
    ['مرحبا', ['ja'], undefined],
  ] as const)
    assert.deepEqual(textAttributes(text, languages), { dir: 'auto', ...(lang === undefined ? {} : { lang }) }, text);
});

test('isolated text is closed, so the text after it keeps its direction', () => {
  assert.equal(isolated('مرحبا'), '\u2068مرحبا\u2069');
});
