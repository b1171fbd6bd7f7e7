import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { RateLimitedLog } from './rate-limited-log.ts';

interface Line {
  msg: string;
  suppressed?: number;
}

function limited(): { log: RateLimitedLog; lines: Line[]; clock: { ms: number } } {
  const lines: Line[] = [];
  const clock = { ms: 0 };
  const logger = pino({ base: null }, { write: (text: string) => lines.push(JSON.parse(text)) });
  return { log: new RateLimitedLog(logger, () => clock.ms), lines, clock };
}

test('a day of ten failures a second gives a few lines an hour, and their counts add up', () => {
  const { log, lines, clock } = limited();
  for (; clock.ms < 86_400_000; clock.ms += 100) log.warn('no', {});
  assert.ok(lines.length < 24 * 60 + 10, `${lines.length} lines`);
  const told = lines.reduce((sum, { suppressed = 0 }) => sum + 1 + suppressed, 0);
  assert.ok(864_000 - told < 600, `${told} told`);
});

test('a failure every second is logged ever more rarely', () => {
  const { log, lines, clock } = limited();
  for (; clock.ms < 3_600_000; clock.ms += 1_000) log.warn('no', {});
  assert.ok(lines.length < 70, `${lines.length} lines`);
});

test('a failure after a silence is logged at once, and kinds do not delay one another', () => {
  const { log, lines, clock } = limited();
  for (; clock.ms < 100_000; clock.ms += 10) log.warn('no', {}, 'a');
  const before = lines.length;
  log.warn('no', {}, 'b');
  log.error('other', {}, 'a');
  assert.equal(lines.length, before + 2);
  clock.ms += 200_000;
  log.warn('no', {}, 'a');
  assert.equal(lines.length, before + 3);
});

test('at any times every occurrence is logged or counted, and a kind has at most one line a second', () => {
  const steps = fc.array(fc.tuple(fc.nat(5_000), fc.constantFrom('a', 'b')), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (course) => {
      const { log, lines, clock } = limited();
      const toldMs = new Map<string, number>();
      for (const [pauseMs, subject] of course) {
        clock.ms += pauseMs;
        const before = lines.length;
        log.info(subject, {});
        if (lines.length === before) continue;
        assert.ok(clock.ms - (toldMs.get(subject) ?? -1_000) >= 1_000);
        toldMs.set(subject, clock.ms);
      }
      const told = lines.reduce((sum, { suppressed = 0 }) => sum + 1 + suppressed, 0);
      clock.ms += 1e9;
      log.info('a', {});
      log.info('b', {});
      const rest = lines.slice(-2).reduce((sum, { suppressed = 0 }) => sum + suppressed, 0);
      assert.equal(told + rest, course.length);
    }),
  );
});
