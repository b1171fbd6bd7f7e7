import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHttpDate, parseHttpDate } from './http-date.ts';
import { evaluatePreconditions, ifRangeHolds } from './precondition.ts';

const modifiedMs = Date.UTC(1994, 10, 6, 8, 49, 37, 250);
const validators = { etag: '"a-1"', modifiedMs };
const outcome = (headers: Record<string, string>) => evaluatePreconditions((name) => headers[name], validators);
const date = (seconds: number) => formatHttpDate(modifiedMs + seconds * 1000);

test('dates are read in the three forms of RFC 9110 section 5.6.7, and nothing else is a date', () => {
  const expected = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.equal(formatHttpDate(expected + 999), 'Sun, 06 Nov 1994 08:49:37 GMT');
  for (const text of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])
    assert.equal(parseHttpDate(text), expected, text);
  assert.equal(new Date(parseHttpDate('Thursday, 01-Jan-26 00:00:00 GMT') ?? 0).getUTCFullYear(), 2026);
  for (const text of [
    '',
    'yesterday',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 +0100',
    '784111777',
  ])
    assert.equal(parseHttpDate(text), undefined, text);
});

test('If-None-Match compares weakly, in lists however they are spaced', () => {
  for (const text of ['"a-1"', 'W/"a-1"', '*', ' * ', '"b", "a-1"', '"b","a-1",', ',, "b" ,\t"a-1"', '"x,y", W/"a-1"'])
    assert.equal(outcome({ 'If-None-Match': text }), 'not-modified', text);
  for (const text of ['"b"', 'W/"b"', 'a-1', "'a-1'", '"a-1', '', '"*"', '"b" "a-1"', '"A-1"', 'w/"a-1"', '"x, "a-1", y"', '*, "b"'])
    assert.equal(outcome({ 'If-None-Match': text }), 'proceed', text);
});

test('If-Match compares strongly', () => {
  for (const text of ['"a-1"', '*', '"b", "a-1"', ',"a-1"']) assert.equal(outcome({ 'If-Match': text }), 'proceed', text);
  for (const text of ['W/"a-1"', '"b"', 'a-1', '', '"a-1']) assert.equal(outcome({ 'If-Match': text }), 'failed', text);
});

test('dates are compared by whole seconds, and a text that is not a date is ignored', () => {
  for (const [seconds, since, unless] of [
    [-1, 'proceed', 'failed'],
    [0, 'not-modified', 'proceed'],
    [1, 'not-modified', 'proceed'],
  ] as const) {
    assert.equal(outcome({ 'If-Modified-Since': date(seconds) }), since, `since ${seconds}`);
    assert.equal(outcome({ 'If-Unmodified-Since': date(seconds) }), unless, `unless ${seconds}`);
  }
  for (const text of ['never', '0', '']) {
    assert.equal(outcome({ 'If-Modified-Since': text }), 'proceed');
    assert.equal(outcome({ 'If-Unmodified-Since': text }), 'proceed');
  }
  const undated = { etag: '"a-1"' };
  assert.equal(
    evaluatePreconditions((name) => (name.endsWith('Since') ? date(-1) : undefined), undated),
    'proceed',
  );
});

test('preconditions are evaluated in the order of RFC 9110 section 13.2.2', () => {
  // An entity tag takes precedence over the date of the same kind.
  assert.equal(outcome({ 'If-Match': '"a-1"', 'If-Unmodified-Since': date(-5) }), 'proceed');
  assert.equal(outcome({ 'If-None-Match': '"b"', 'If-Modified-Since': date(5) }), 'proceed');
  assert.equal(outcome({ 'If-None-Match': '"a-1"', 'If-Modified-Since': date(-5) }), 'not-modified');
  // If-Match is evaluated before If-None-Match.
  assert.equal(outcome({ 'If-Match': '"b"', 'If-None-Match': '"a-1"' }), 'failed');
  assert.equal(outcome({ 'If-Match': '"a-1"', 'If-None-Match': '"a-1"' }), 'not-modified');
  assert.equal(outcome({ 'If-Unmodified-Since': date(-5), 'If-None-Match': '"a-1"' }), 'failed');
});

test('If-Range holds for exactly this state', () => {
  for (const text of [undefined, '"a-1"', ' "a-1" ', date(0)]) assert.equal(ifRangeHolds(text, validators), true, String(text));
  for (const text of ['W/"a-1"', '"b"', '*', '"b", "a-1"', date(1), date(-1), 'Sunday, 06-Nov-94 08:49:37 GMT', ''])
    assert.equal(ifRangeHolds(text, validators), false, text);
});
