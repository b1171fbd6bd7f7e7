// The list of close codes has no duplicates and stays in the ranges that RFC 6455 leaves to
// applications.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseCodes, closeCodeByNumber } from './close-code.ts';

const entries = Object.entries(CloseCodes);

test('close codes are unique, and private (4000-4999) except 1000 and 1009 of RFC 6455', () => {
  const numbers = entries.map(([, entry]) => entry.code);
  assert.equal(new Set(numbers).size, numbers.length);
  for (const number of numbers) assert.ok(number === 1000 || number === 1009 || (number >= 4000 && number <= 4999), String(number));
});

test('each close code is found by its number, and its meaning fits into a close frame', () => {
  for (const [name, entry] of entries) {
    assert.deepEqual(closeCodeByNumber(entry.code), { name, ...entry });
    assert.match(entry.meaning, /^[A-Z].*\.$/);
    assert.ok(
      Buffer.byteLength(`${name}: ${entry.meaning}`) <= 123,
      'RFC 6455 section 5.5: a control frame holds 125 bytes, 2 of them the code',
    );
  }
});

test('codes that Hayate does not define are not found', () => {
  for (const code of [0, 999, 1001, 1005, 1006, 1011, 4000, 4999]) assert.equal(closeCodeByNumber(code), undefined);
});
