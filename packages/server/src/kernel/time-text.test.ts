import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTime, secondText, timeText } from './time-text.ts';

const at = (text: string): string => {
  const read = readTime(text);
  return typeof read === 'string' ? read : timeText(read.unixMs);
};

test('a day, a time of day, fractions and zones are read as people write them', () => {
  const evening = '2026-05-03T18:00:00Z';
  for (const [text, expected] of [
    ['2026-05-03', '2026-05-03T00:00:00Z'],
    ['2026-05-03Z', '2026-05-03T00:00:00Z'],
    ['2026-05-03+09:00', '2026-05-02T15:00:00Z'],
    ['2026-05-03 -0500', '2026-05-03T05:00:00Z'],
    ['2026-05-03 18:00', evening],
    [' 2026-05-03  18:00 ', evening],
    ['2026-05-03T18:00:00', evening],
    ['2026-05-03t18:00:00z', evening],
    ['2026-05-03T18:00Z', evening],
    ['2026-05-03 18:00 UTC', evening],
    ['2026-05-03 18:00:00 Z', evening],
    ['2026-05-04T03:00:00+09:00', evening],
    ['2026-05-04 03:00 +0900', evening],
    ['2026-05-04T03:00+09', evening],
    ['2026-05-03T23:45:00+05:45', evening],
    ['2026-05-03T08:00-10:00', evening],
    ['2026-05-03T18:00:00-00:00', evening],
    ['2026-05-04T08:00+14:00', evening],
    ['2026-05-03T18:00:00.5Z', '2026-05-03T18:00:00.500Z'],
    ['2026-05-03T18:00:00,25', '2026-05-03T18:00:00.250Z'],
    ['2026-05-03T18:00:00.000000001Z', evening],
    ['2026-05-03T18:00:00.999999999Z', '2026-05-03T18:00:00.999Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['2000-02-29T23:59:59Z', '2000-02-29T23:59:59Z'],
    ['1969-12-31T23:59:59Z', '1969-12-31T23:59:59Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['0000-01-01', '0000-01-01T00:00:00Z'],
  ] as const)
    assert.equal(at(text), expected, text);
});

test('only a text with a zone is marked as having one', () => {
  for (const [text, hasZone] of [
    ['2026-05-03', false],
    ['2026-05-03 18:00', false],
    ['2026-05-03T18:00:00.5', false],
    ['2026-05-03Z', true],
    ['2026-05-03+00', true],
    ['2026-05-03T18:00:00-0000', true],
  ] as const) {
    const read = readTime(text);
    assert.ok(typeof read !== 'string');
    assert.equal(read.hasZone, hasZone, text);
  }
});

test('a text that is not a real time is refused, and the reason names the wrong part', () => {
  for (const [reason, ...texts] of [
    [/^there is no day/, '2026-02-30', '2026-02-29', '1900-02-29', '2026-13-01', '2026-00-10', '2026-04-31T10:00Z', '2026-01-00'],
    [/^hours are 00 to 23/, '2026-05-03T24:00:00Z', '2026-05-03 25:00', '2026-05-03T18:60', '2016-12-31T23:59:60Z', '2026-05-03T18:00:61Z'],
    [
      /^names of time zones are not supported/,
      '2026-05-03 18:00 JST',
      '2026-05-03T18:00:00Zjunk',
      '2026-05-03T18:00EST',
      '2026-05-03 18:00 Asia/Tokyo',
      '2026-05-03 GMT+9',
      '2026-05-03 18:00 pm',
    ],
    [/^no time zone has the offset/, '2026-05-03T18:00+25:00', '2026-05-03T18:00+14:01', '2026-05-03T18:00-15', '2026-05-03T18:00+09:60'],
    [
      /is neither a time of day/,
      '2026-05-03T',
      '2026-05-03T18',
      '2026-05-03T1:00',
      '2026-05-03T18:00:00Z Z',
      '2026-05-03T18:00:',
      '2026-05-03T18:00:00.',
      '2026-05-03T18:00+9',
      '2026-05-03T18:00 09:00',
      '2026-05-03+900',
      '2026-05-03!',
      '2026-05-031',
      '2026-05-03--01',
    ],
    [
      /^not a day or time/,
      '',
      'yesterday',
      'now',
      '26-05-03',
      '03.05.2026',
      '5/3/2026',
      '2026-5-3',
      '2026-05',
      '20260503',
      '20260503T180000Z',
      '1777831200',
      '60',
      '+002026-05-03',
      '-2026-05-03',
      '2026/05/03',
      '２０２６-05-03',
      'Sun, 03 May 2026 18:00:00 GMT',
    ],
  ] as const)
    for (const text of texts) {
      const refusal = readTime(text);
      assert.ok(typeof refusal === 'string', `${text} is read`);
      assert.match(refusal, reason, text);
    }
});

test('any printed time is read back as the same time, in any zone', () => {
  const moment = fc.integer({ min: Date.UTC(0), max: Date.UTC(9999) });
  fc.assert(
    fc.property(moment, fc.integer({ min: -14 * 60, max: 14 * 60 }), (unixMs, offset) => {
      assert.deepEqual(readTime(timeText(unixMs)), { unixMs, hasZone: true });
      const there = timeText(unixMs + offset * 60_000).replace('Z', '');
      const zone = `${offset < 0 ? '-' : '+'}${String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0')}:${String(Math.abs(offset) % 60).padStart(2, '0')}`;
      assert.deepEqual(readTime(`${there}${zone}`), { unixMs, hasZone: true });
      assert.deepEqual(readTime(there), { unixMs: unixMs + offset * 60_000, hasZone: false });
      assert.match(secondText(unixMs), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }),
  );
});

test('the reader does not throw for any text', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{3,5}-[0-9]{1,2}-[0-9]{1,2}[Tt ][0-9:.,ZzUTC+ -]{0,16}$/), (text) => {
      const read = readTime(text);
      assert.ok(typeof read === 'string' ? read.length > 0 : Number.isSafeInteger(read.unixMs), text);
    }),
  );
});
