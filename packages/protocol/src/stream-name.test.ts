// Stream names are safe as path segments, channel names and log keys.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isStreamName } from './stream-name.ts';

test('takes names of 1 to 64 letters, digits, _ and -', () => {
  for (const name of ['a', 'A-z_09', '-', 'x'.repeat(64)]) assert.ok(isStreamName(name), name);
});

test('refuses what could leave a path, split a channel or hide: separators, dots, controls, other alphabets, wrong lengths', () => {
  for (const name of ['', 'x'.repeat(65), '..', '.', 'a/b', 'a\\b', 'a:b', 'a b', 'a\n', '\na', 'a\0', 'é', '名', 'a%2f'])
    assert.ok(!isStreamName(name), JSON.stringify(name));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) =>
      assert.equal(isStreamName(name), [...name].every((c) => /[A-Za-z0-9_-]/.test(c)) && name.length > 0 && name.length < 65),
    ),
  );
});
