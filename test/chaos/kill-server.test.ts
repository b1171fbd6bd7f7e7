// Everything that `hayate broadcast` had acknowledged survives the server's death, and the
// broadcaster reconnects by itself. The server is killed at moments that a seed chooses and
// restarted on its data; the archive is then compared with the lists that --ack-log keeps. The
// archive's own chaos is in archive-*.test.ts. HAYATE_TEST_SEED repeats a run's choices.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { seededNumbers } from '../support/archive-broadcast.ts';
import { requirePython } from '../support/require-tool.ts';
import { BroadcastRun } from './broadcast-run.ts';

const seed = Number(process.env.HAYATE_TEST_SEED ?? Date.now() % 2 ** 31);

/** Random numbers for one test, from this run's seed, which is printed. */
function choices(t: TestContext): (below: number) => number {
  t.diagnostic(`HAYATE_TEST_SEED=${seed}`);
  return seededNumbers(seed);
}

/** Waits until every running broadcaster has seen `count` more acknowledgements. */
async function untilAcks(run: BroadcastRun, count: number): Promise<void> {
  const before = run.broadcasts.map(({ acks }) => acks().length);
  await run.until(`${count} more acknowledgements`, () =>
    run.broadcasts.every(({ ended, acks }, i) => ended || acks().length >= (before[i] ?? 0) + count),
  );
}

/** How often the broadcasters reported a lost connection. */
function countLosses({ broadcasts }: BroadcastRun): number {
  return broadcasts.flatMap(({ process }) => process.lines.filter((line) => line.startsWith('connection lost'))).length;
}

/**
 * Kills the server once for each of `moments` and restarts it. Before every other moment all
 * broadcasters have caught up, so that none falls back by more than it can keep. Before the other
 * moments they may be in the middle of sending again.
 */
async function killAt<Moment>(run: BroadcastRun, moments: readonly Moment[], until: (moment: Moment) => Promise<void>): Promise<void> {
  for (const [i, moment] of moments.entries()) {
    if (i % 2 === 0) await run.untilCaughtUp();
    await until(moment);
    await run.kill();
    await run.start();
  }
}

test('a server killed three times in mid-broadcast archives every frame that `hayate broadcast` reported as acknowledged, once', async (t) => {
  const python = requirePython(t, 'avro', 'zstandard');
  if (python === undefined) return;
  const choose = choices(t);
  const run = new BroadcastRun(t);
  await run.start();
  run.broadcast('first', 10, 'loop');
  run.broadcast('second', 12);
  const moments = Array.from({ length: 3 }, () => 1 + choose(15));
  await killAt(run, moments, (acks) => untilAcks(run, acks));
  await run.allEnded();
  await run.drain();
  const broadcasts = await run.assertArchived(python);
  assert.ok(countLosses(run) >= moments.length);
  assert.match(run.broadcasts[0]?.process.stderr.at(-1) ?? '', /everything acknowledged/);
  // No broadcaster was cut off for longer than it keeps its frames: each has one complete epoch.
  for (const { marks, sequences } of broadcasts) {
    const ends = marks.filter(([mark]) => mark === 'END');
    assert.ok(ends.length > 0 && ends.every(([, , next]) => next === sequences.length));
  }
  t.diagnostic(`killed after ${moments.join(', ')} acknowledgements; ${countLosses(run)} connections lost`);
});
