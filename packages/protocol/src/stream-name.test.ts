// Stream names are safe as path segments, channel names and log keys.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isStreamName, nearestStreamName, proposeStreamName } from './stream-name.ts';

test('accepts names of 1 to 64 letters, digits, _ and -', () => {
  for (const name of ['a', 'A-z_09', '-', 'x'.repeat(64)]) assert.ok(isStreamName(name), name);
});

test('refuses names that could leave a path, split a channel or be invisible: separators, dots, controls, other alphabets, wrong lengths', () => {
  for (const name of ['', 'x'.repeat(65), '..', '.', 'a/b', 'a\\b', 'a:b', 'a b', 'a\n', '\na', 'a\0', 'é', '名', 'a%2f'])
    assert.ok(!isStreamName(name), JSON.stringify(name));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) =>
      assert.equal(isStreamName(name), [...name].every((c) => /[A-Za-z0-9_-]/.test(c)) && name.length > 0 && name.length < 65),
    ),
  );
});

test('folds typed text into the alphabet, and does not change a valid name', () => {
  for (const [typed, name] of [
    ['ｈｏｓｈｉ＿１', 'hoshi_1'],
    ['Hoshi', 'Hoshi'],
    ['-a_', '-a_'],
    ['my stream!', 'my-stream'],
    ['Ünïcödé', 'Unicode'],
    ['Łódź Straße', 'Lodz-Strasse'],
    ["Aki's show", 'Akis-show'],
    ['Ｅ\u0301te\u0301', 'Ete'],
    ['ﬁn', 'fin'],
    ['hoshi/../x', 'hoshi-x'],
    ['星', ''],
    ['!?', ''],
    ['', ''],
    [`${'x'.repeat(63)} y`, 'x'.repeat(63)],
  ] as const)
    assert.equal(nearestStreamName(typed), name, typed);
});

test('suggests a free name for any title: its Latin letters, otherwise two words and a number', () => {
  const random = () => 0.5;
  assert.equal(proposeStreamName('Évening Radio 夜'), 'evening-radio');
  assert.equal(proposeStreamName('Évening Radio 夜', { isTaken: (name) => !name.endsWith('-3') }), 'evening-radio-3');
  for (const title of ['', '星', '今夜も歌枠', 'Aの12', '第12回', 'مرحبا', '🎤', 'Привет'])
    assert.match(proposeStreamName(title, { random }), /^[a-z]+-[a-z]+-\d+$/, title);
  const taken = new Set([proposeStreamName('星', { random })]);
  assert.ok(!taken.has(proposeStreamName('星', { random, isTaken: (name) => taken.has(name) })));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), fc.double({ min: 0, max: 1, maxExcluded: true }), (title, drawn) => {
      const near = nearestStreamName(title);
      assert.ok(near === '' || isStreamName(near), near);
      let refusals = 3;
      const name = proposeStreamName(title, { random: () => drawn, isTaken: () => refusals-- > 0 });
      assert.ok(isStreamName(name), name);
    }),
  );
});
