import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { root } from '../../../../test/support/process.ts';
import { clockText, dayText, minuteText, spokenDuration, utcText, zonedClockText, zoneText } from './time-text.ts';

test('a day is named as people say it, also across a clock change', () => {
  const now = new Date(2026, 4, 3, 0, 30);
  assert.equal(dayText(new Date(2026, 4, 3, 0, 1), now), 'Today');
  assert.equal(dayText(new Date(2026, 4, 2, 23, 59), now), 'Yesterday');
  assert.match(dayText(new Date(2026, 2, 1, 12), now), /^Sunday,? 1 March$/);
  assert.match(dayText(new Date(2025, 11, 31, 12), now), /^Wednesday,? 31 December 2025$/);
});

test('a time of day has two digits each', () => {
  assert.equal(clockText(new Date(2026, 4, 3, 8, 3, 4)), '08:03:04');
  assert.equal(minuteText(new Date(2026, 4, 3, 8, 3, 4)), '08:03');
});

test('a duration is given in words, without zero parts', () => {
  assert.equal(spokenDuration(3_723_400), '1 hour 2 minutes 3 seconds');
  assert.equal(spokenDuration(61_000), '1 minute 1 second');
  assert.equal(spokenDuration(7_200_000), '2 hours');
  assert.equal(spokenDuration(-5), '0 seconds');
});

test('a time of day names its zone and its title is UTC, in any time zone', async () => {
  const program = `import { utcText, zonedClockText } from './packages/web/src/text/time-text.ts';
for (const at of ['2026-05-03T18:03:24.900Z', '2026-12-03T18:03:24Z']) console.log(zonedClockText(new Date(at)), utcText(new Date(at)));`;
  for (const [TZ, summer, winter] of [
    ['UTC', '18:03:24 UTC', '18:03:24 UTC'],
    ['Asia/Tokyo', '03:03:24 UTC+9', '03:03:24 UTC+9'],
    ['America/New_York', '14:03:24 UTC-4', '13:03:24 UTC-5'],
    ['Asia/Kathmandu', '23:48:24 UTC+5:45', '23:48:24 UTC+5:45'],
  ] as const) {
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, TZ },
      cwd: root,
      encoding: 'utf8',
    });
    assert.deepEqual(stdout.trim().split('\n'), [`${summer} 2026-05-03T18:03:24Z`, `${winter} 2026-12-03T18:03:24Z`]);
  }
  const now = new Date();
  assert.equal(zonedClockText(now), `${clockText(now)} ${zoneText(now)}`);
  assert.equal(Date.parse(utcText(now)), Math.floor(now.getTime() / 1000) * 1000);
});
