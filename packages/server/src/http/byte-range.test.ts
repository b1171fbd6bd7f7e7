import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selectRange } from './byte-range.ts';

const part = (offset: number, length: number) => ({ offset, length });
const huge = '9'.repeat(40);

test('one range is cut to the size of the object', () => {
  for (const [header, expected] of [
    ['bytes=0-0', part(0, 1)],
    ['bytes=0-9', part(0, 10)],
    ['bytes=3-', part(3, 7)],
    ['bytes=-3', part(7, 3)],
    ['bytes=-99', part(0, 10)],
    ['bytes=8-99', part(8, 2)],
    [`bytes=4-${huge}`, part(4, 6)],
    [`bytes=-${huge}`, part(0, 10)],
    ['bytes=0000-0001', part(0, 2)],
    ['BYTES=1-2', part(1, 2)],
    ['bytes= 1-2 ', part(1, 2)],
    ['bytes=,1-2,', part(1, 2)],
  ] as const)
    assert.deepEqual(selectRange(header, 10), expected, header);
});

test('ranges that all lie beyond the end are outside', () => {
  for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=-0', `bytes=${huge}-`, 'bytes=10-11,20-21', 'bytes=-0,10-'])
    assert.equal(selectRange(header, 10), 'outside', header);
  assert.equal(selectRange('bytes=0-', 0), 'outside');
});

test('several ranges that touch become one, and ranges apart select the whole object', () => {
  assert.deepEqual(selectRange('bytes=0-3,4-6', 10), part(0, 7));
  assert.deepEqual(selectRange('bytes=4-6 , 0-5', 10), part(0, 7));
  assert.deepEqual(selectRange('bytes=0-1,50-60', 10), part(0, 2));
  assert.deepEqual(selectRange('bytes=-2,5-7', 10), part(5, 5));
  for (const header of ['bytes=0-1,3-4', 'bytes=0-0,-1', `bytes=${'0-1,'.repeat(100)}`])
    assert.equal(selectRange(header, 10), undefined, header);
});

test('a malformed range, one of another unit and the end of an empty object are ignored', () => {
  for (const header of [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=3-1',
    `bytes=1${huge}-${huge}`,
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=1-2-3',
    'bytes=1 - 2',
    'bytes =1-2',
    'bytes=0-1;2-3',
    'bytes=0-1,x',
    'pages=1-2',
    'bytes=--1',
    'bytes=+1-2',
  ])
    assert.equal(selectRange(header, 10), undefined, String(header));
  assert.equal(selectRange('bytes=-5', 0), undefined);
});

test('any range that is selected lies within the object', () => {
  const number = fc.oneof(fc.nat(30), fc.constantFrom('', huge));
  const specs = fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(specs, fc.nat(20), (ranges, size) => {
      const selected = selectRange(`bytes=${ranges.map(([first, last]) => `${first}-${last}`).join(', ')}`, size);
      if (selected === undefined || selected === 'outside') return;
      assert.ok(selected.length > 0 && selected.offset >= 0 && selected.offset + selected.length <= size);
    }),
  );
});
