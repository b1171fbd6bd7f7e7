import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { PartitionRuns } from './partition-runs.ts';

/** Runs that throw when they are aborted, and the events. */
function setUp() {
  const events: string[] = [];
  const endings: (() => void)[] = [];
  const runs = new PartitionRuns(
    async (partition, signal) => {
      events.push(`run ${partition}`);
      await new Promise<void>((resolve) => endings.push(resolve));
      events.push(`end ${partition}${signal.aborted ? ', aborted' : ''}`);
      throw new Error(`of ${partition}`);
    },
    (error) => events.push(`told ${String(error)}`),
  );
  const endNext = async () => {
    endings.shift()?.();
    for (let turns = 0; turns < 5; turns++) await turn();
  };
  return { runs, events, endNext };
}

test('a lost partition is released when its run has returned; one that comes back runs again only then', async () => {
  const { runs, events, endNext } = setUp();
  await runs.assign([1, 2]);
  const releasing = runs.assign([2]).then(() => events.push('released'));
  const returning = runs.assign([1, 2]).then(() => events.push('back'));
  assert.deepEqual(runs.owned, [1, 2]);
  await turn();
  assert.deepEqual(events, ['run 1', 'run 2']);
  await endNext();
  await Promise.all([releasing, returning]);
  assert.deepEqual(events.slice(0, 4), ['run 1', 'run 2', 'end 1, aborted', 'run 1']);
  assert.deepEqual(events.slice(4).sort(), ['back', 'released']);
});

test('a partition that is assigned and revoked again during its first run does not start another run', async () => {
  const { runs, events, endNext } = setUp();
  await runs.assign([1]);
  const changes = [runs.assign([]), runs.assign([1]), runs.assign([]), runs.assign([1])];
  await endNext();
  await Promise.all(changes);
  await turn();
  assert.deepEqual(events, ['run 1', 'end 1, aborted', 'run 1']);
});

test('a failure is reported, and its partition stays owned; failures of lost partitions are ignored', async () => {
  const { runs, events, endNext } = setUp();
  await runs.assign([1]);
  await endNext();
  assert.deepEqual(events, ['run 1', 'end 1', 'told Error: of 1']);
  assert.deepEqual(runs.owned, [1]);
  await runs.assign([1, 2]);
  const gone = runs.assign([]);
  await endNext();
  await gone;
  assert.deepEqual(events.slice(3), ['run 2', 'end 2, aborted']);
});
