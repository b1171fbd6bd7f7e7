import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, Kind, peekFrame } from '@hayate/protocol';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import { RecentFrames } from '../live/recent-frames.ts';
import { Repair } from './repair.ts';

/**
 * A repair of frames 0 to 9. `answers`: each answer's sequences, and whether it was a second one.
 */
function setUp() {
  const clock = new ManualClock();
  clock.advance(60_000);
  const recent = new RecentFrames<LiveEntry>(0);
  for (let sequence = 0; sequence < 10; sequence++) {
    const frame = encodeFrame({ stream: 's', epoch: 1n, sequence, captureUs: 0, kind: Kind.EVENT, payload: new Uint8Array() });
    recent.push({ frame, header: peekFrame(frame), receivedUnixUs: 0, previousPlusOne: sequence });
  }
  const answers: [sequences: number[], isAgain: boolean][] = [];
  const publish = (entries: readonly LiveEntry[], isAgain: boolean) =>
    answers.push([entries.map(({ header }) => header.sequence), isAgain]);
  return { clock, answers, repair: new Repair({ clock, recent, publish }) };
}

test('a thousand listeners that miss the same frame cost one answer in 20 ms', () => {
  const { clock, answers, repair } = setUp();
  for (let listener = 0; listener < 1_000; listener++) repair.answer([{ first: 3, last: 4 }]);
  clock.advance(19);
  assert.equal(repair.answer([{ first: 3, last: 5 }]), 1, 'only the frame that nobody asked for before');
  clock.advance(1);
  assert.equal(repair.answer([{ first: 3, last: 4 }]), 2);
  assert.deepEqual(answers, [
    [[3, 4], false],
    [[5], false],
    [[3, 4], true],
  ]);
});

test("a second request within a listener's patience goes to all servers, since the first answer did not reach it", () => {
  const { clock, answers, repair } = setUp();
  repair.answer([{ first: 1, last: 1 }]);
  clock.advance(200);
  repair.answer([{ first: 1, last: 1 }]);
  assert.deepEqual(
    answers.map(([, isAgain]) => isAgain),
    [false, true],
  );
});

test('a request long after the first counts as a first one, so that one bad moment does not multiply traffic forever', () => {
  const { clock, answers, repair } = setUp();
  repair.answer([{ first: 1, last: 1 }]);
  clock.advance(100);
  repair.answer([{ first: 2, last: 2 }]);
  clock.advance(100);
  repair.answer([{ first: 1, last: 1 }]);
  clock.advance(200);
  repair.answer([{ first: 2, last: 2 }]);
  clock.advance(1_000);
  repair.answer([{ first: 1, last: 2 }]);
  assert.deepEqual(
    answers.map(([, isAgain]) => isAgain),
    [false, false, true, false, false],
  );
});
